"""How the product's reader learns: as the judge does, in another layout, on clips that nothing else has
seen.

Neither has a part in the other, so that the judge can count what the reader brings.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from storyanim.artifacts import Frames
from storyanim.config import ModelRef
from storyanim.engine.folders import write_file
from storyanim.readback import NetworkReader
from storyanim.readback.network import ReaderConfig, ReaderNetwork
from storyanim.readback.reader import save_network
from storybook.evaluate import judge_data
from storybook.evaluate.judge_training import JudgeTraining, Teach, card, measure, train_network
from storybook.evaluate.labels import Labels, names_of

_HEAD = (
    "## Storybook reader (`ReaderNetwork`)", "",
    "Reads creature, colour, accessory, scene and action of a clip at 8 frames a second, so that drawn "
    "shots are checked.",
    "It is not the judge that measures the family: other clips, another layout, other weights.",
)


def train_reader(training: JudgeTraining, teach: Teach) -> dict[str, float]:
    """Render what is missing, train, measure on clips that were never trained on, write weights and card.

    Always begins anew. Returns the measured accuracy of each attribute. Raises ResourceError, and what
    `teach` raises.
    """
    network = ReaderNetwork(ReaderConfig(names_of(training.world)))
    spent, held = train_network(network, judge_data.reader_sets_of(training.world), training, teach, "reader")
    save_network(network, training.out)
    figures = measure(partial(_labels, NetworkReader(ModelRef(repo=str(training.out)))), held)
    write_file(training.out / "README.md", card(_HEAD, "reader", spent, figures, held).encode())
    return figures


def _labels(reader: NetworkReader, clips: Iterable[Frames]) -> Labels:
    read = [[int(values.argmax()) for values in reader.likelihoods(clip).values()] for clip in clips]
    return np.array(read, np.int8)
