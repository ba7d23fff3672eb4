"""The wording stage: the answers it compares are the denoiser's own, and they come nearer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from tolerance import FLOAT32

from storybook.train import networks, text
from storybook.train.text import TextStage, answers, cross_attention
from storybook.world import caption, sample_spec


@pytest.fixture(scope="module")
def stage() -> Iterator[TextStage]:
    """On random weights, with the queries of one step of one clip."""
    torch.manual_seed(0)
    tokens = networks.tokenizer(caption(sample_spec(k), np.random.default_rng(k)) for k in range(300))
    patch = pytest.MonkeyPatch()
    for name, value in (("BANK_CLIPS", 1), ("BANK_STEPS", 1), ("BANK_QUERIES", 128)):
        patch.setattr(text, name, value)
    yield TextStage(networks.text_encoder(tokens), networks.unet_motion(), tokens, batch_size=10, device=torch.device("cpu"))
    patch.undo()


def test_answers_are_the_layers_own(stage: TextStage) -> None:
    states = torch.randn(2, 7, 192)
    for layer in stage.layers:
        cells = torch.randn(2, 9, layer.to_q.in_features)
        own = torch.stack([answers(layer, layer.to_q(one), states[k:k + 1])[0] for k, one in enumerate(cells)])
        torch.testing.assert_close(own, layer(cells, encoder_hidden_states=states), rtol=1e-4, atol=1e-5)


def test_every_layer_that_reads_the_text_is_asked(stage: TextStage) -> None:
    assert len(stage.layers) == len(stage.bank) == 7
    assert [len(bank) for bank in stage.bank] == [128] * 7
    assert {layer.to_k.in_features for layer in cross_attention(stage.unet)} == {192}


def test_usual_sentences_mean_what_they_did_at_first(stage: TextStage) -> None:
    figures = stage.loss(stage.batch(np.random.default_rng(1)))[1]
    assert figures["usual_wording"] < FLOAT32**2      # a squared error
    assert figures["other_wording"] > 0


def test_other_wordings_come_nearer(stage: TextStage) -> None:
    batch = stage.batch(np.random.default_rng(2))
    before = {name: value.clone() for name, value in stage.text.state_dict().items()}
    with torch.no_grad():                            # it forgets some of where a word stands
        places = next(weight for name, weight in stage.text.named_parameters() if "position_embedding" in name)
        places.add_(0.05 * torch.randn(places.shape, generator=torch.Generator().manual_seed(0)))
    optimizer = torch.optim.Adam(stage.text.parameters(), lr=5e-4)
    errors = []
    for _ in range(12):
        loss, figures = stage.loss(batch)
        errors.append(float(figures["other_wording"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    stage.text.load_state_dict(before)
    assert errors[-1] < 0.7 * errors[0], errors
    assert all(weight.grad is None for weight in (*stage.teacher.parameters(), *stage.unet.parameters()))


def test_a_batch_is_a_function_of_its_generator(stage: TextStage) -> None:
    a, b = (stage.batch(np.random.default_rng(3)) for _ in range(2))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert len(a["usual"]) == len(a["other"]) == 10
    same = (a["usual"] == a["other"]).all(1)
    assert same[:3].all()                            # the kept ones, of which the first is the empty sentence
    assert not same[3:].any()


def test_words_of_clips_are_no_other_datas() -> None:
    from storybook.evaluate import trials
    from storybook.train.data import SETS

    own = range(text.SEED - 1 - text.BANK_CLIPS, text.SEED + text.CLIPS)
    others = [plan.first_seed for plan in SETS.values()] + [trials.PROMPTS, trials.PAIRS, trials.PANS, trials.FOOTAGE]
    assert not [seed for seed in others if seed in own]
    assert caption(sample_spec(text.SEED)) != caption(sample_spec(trials.PROMPTS))
