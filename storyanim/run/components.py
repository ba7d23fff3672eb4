"""What a run works with: settings, vocabulary and the components of stages.py, built once and handed in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyanim.artifacts import CharacterToken
from storyanim.config import Settings, asset
from storyanim.depth.dpt import build_depth_estimator
from storyanim.engine.local import LocalExecutor
from storyanim.engine.steps import Step
from storyanim.errors import IndexFolderError
from storyanim.generate.generator import build_generator
from storyanim.retrieve.encoders import build_encoder
from storyanim.retrieve.index import VideoIndex
from storyanim.retrieve.synonyms import Synonyms
from storyanim.stages import (
    CharacterLearner,
    DepthEstimator,
    Executor,
    FootageIndex,
    Planner,
    ShotGenerator,
    TextVideoEncoder,
)

if TYPE_CHECKING:
    from storyanim.planning import Vocabulary

Token = Step[CharacterToken] | CharacterToken        # of a character, learned in this run or given as a file
DEFAULT_INDEX = "storybook/index"                    # in the package's assets


@dataclass(frozen=True)
class Components:
    """Everything that does the work of a run. Models load at first use."""

    settings: Settings
    vocabulary: Vocabulary | None                    # what the profile's model can draw; None: any words
    planner: Planner
    encoder: TextVideoEncoder
    index: FootageIndex
    depth: DepthEstimator
    generator: ShotGenerator
    learner: CharacterLearner
    executor: Executor


def build_components(settings: Settings, index: str | None) -> Components:
    """Build the components that the settings name. Cheap: models load at first use.

    Args:
        settings: of the run.
        index: folder of the footage index; None: the bundled one.

    Raises UsageError, ModelError, IndexFolderError.
    """
    from storyanim.personalize.fit import TimeInvLearner
    from storyanim.planning import build_planner, load_vocabulary

    vocabulary = load_vocabulary(settings)
    depth, encoder = build_depth_estimator(settings), build_encoder(settings)
    opened = open_index(Path(index) if index else asset(DEFAULT_INDEX), settings, vocabulary)
    if opened.info.encoder != encoder.fingerprint:
        raise IndexFolderError(
            f"the index {opened.folder} was made with another encoder than this profile's",
            hint=f"index the videos again with `storyanim index ... --profile {settings.profile}`")
    learner = TimeInvLearner(settings, partial(_load_pipeline, settings), depth)
    generator = build_generator(settings)
    _ = depth.fingerprint, generator.fingerprint     # a model that is missing is reported before any work
    return Components(settings, vocabulary, build_planner(settings, vocabulary), encoder, opened, depth,
                      generator,
                      learner, LocalExecutor())


def open_index(folder: Path, settings: Settings, vocabulary: Vocabulary | None) -> VideoIndex:
    """Open an index that is searched as the settings say, by all synonyms that the vocabulary has for a word.

    Raises IndexFolderError, UsageError, ModelError.
    """
    wanted = settings.retrieve
    index = VideoIndex(folder, caption_weight=wanted.caption_weight, min_motion=wanted.min_motion,
                      exact=wanted.exact,
                      search_parameters={str(name): value for name,
                                         value in wanted.search_parameters.items()},
                      filters=wanted.filters,
                      near_duplicate_threshold=wanted.near_duplicate_threshold,
                      lancedb_uri=wanted.lancedb_uri)
    index.synonyms = Synonyms(vocabulary.synonyms if vocabulary else ())
    return index


def _load_pipeline(settings: Settings) -> Any:
    from storyanim.generate.load import load_pipeline

    return load_pipeline(settings.models)
