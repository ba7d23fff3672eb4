"""Other ways to learn a character: what each changes, that it is drawn with, and that nothing of it stays behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import small
import torch
from family import save_pictures
from small import BrightnessDepth, make_settings

from storyanim.artifacts import Character, CharacterToken, Float32, Shot
from storyanim.errors import CharacterError, UsageError
from storyanim.generate.generator import StoryGenerator
from storyanim.generate.load import load_pipeline
from storyanim.generate.story_pipeline import StoryVideoPipeline
from storyanim.personalize.images import read_character
from storyanim.personalize.timeinv import word_embedding
from storybook.evaluate.baselines import FinetunedToken, load_finetuned, num_bytes, save_finetuned
from storybook.evaluate.methods import (
    ABLATIONS,
    BASELINES,
    METHODS,
    WITHOUT_WORDS,
    build_learner,
    build_method_generator,
    settings_of,
)

Learn = Callable[[str], CharacterToken]
SHOT = Shot(id="s01", text="", query="", prompt="a <bruno> bear", seed=1, characters=("bruno",))
RATES = {"embedding_learning_rate": 0.5, "lora_learning_rate": 0.1}


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("family")
    small.save_family(folder)
    return folder


@pytest.fixture(scope="module")
def shared_pipeline(family: Path) -> StoryVideoPipeline:
    return load_pipeline(make_settings(family).models)


@pytest.fixture
def character(tmp_path: Path) -> Character:
    return read_character(save_pictures(tmp_path / "bruno"), noun="bear")


@pytest.fixture
def learn(shared_pipeline: StoryVideoPipeline, family: Path, character: Character) -> Learn:
    def learned(method: str) -> CharacterToken:
        settings = make_settings(family, **RATES)
        return build_learner(method, settings, lambda: shared_pipeline, BrightnessDepth()).learn(character)

    return learned


def whole_weights(token: CharacterToken) -> dict[str, Float32]:
    return token.weights if isinstance(token, FinetunedToken) else {}


@pytest.mark.parametrize("method", METHODS)
def test_leaves_the_base_as_it_was(learn: Learn, shared_pipeline: StoryVideoPipeline, method: str) -> None:
    before = {name: weight.clone() for name, weight in shared_pipeline.unet.state_dict().items()}
    learn(method)
    after = shared_pipeline.unet.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(weight.grad is not None for weight in shared_pipeline.unet.parameters())


def test_each_learns_what_its_paper_says(learn: Learn, shared_pipeline: StoryVideoPipeline) -> None:
    tokens = {method: learn(method) for method in (*BASELINES, *ABLATIONS)}
    rows = {method: len(np.unique(token.table, axis=0)) for method, token in tokens.items()}
    assert min(rows["timeinv_lora"], rows["no_lora"]) > 1
    assert [rows[method] for method in ("textual_inversion", "dreambooth", "custom_diffusion", "no_timeinv")] == [1] * 4
    assert [bool(token.lora) for token in tokens.values()] == [True, False, False, False, True, False, True, True]
    whole = {method: set(whole_weights(token)) for method, token in tokens.items() if whole_weights(token)}
    assert set(whole) == {"dreambooth", "custom_diffusion"}
    assert all(name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")) for name in whole["custom_diffusion"])
    spatial = {f"unet.{name}" for name, _ in shared_pipeline.unet.named_parameters() if "motion_modules" not in name}
    assert whole["custom_diffusion"] < whole["dreambooth"] == spatial
    methods = [token.metadata["method"] for token in tokens.values()]
    assert methods[:4] == ["timeinv+lora", "textual-inversion", "rare-word+unet", "textual-inversion+cross-attention"]


@pytest.mark.parametrize("method", ["dreambooth", "custom_diffusion"])
def test_whole_weights_are_drawn_with_and_taken_off(learn: Learn, family: Path, method: str, tmp_path: Path) -> None:
    token = learn(method)
    assert isinstance(token, FinetunedToken)
    folder = tmp_path / "files"
    folder.mkdir()
    save_finetuned(folder, token)
    assert num_bytes(token) == sum(file.stat().st_size for file in folder.iterdir())
    token = load_finetuned(folder)
    assert token.weights
    generator = build_method_generator(method, make_settings(family))
    named_only = CharacterToken(name="bruno", token="<bruno>", noun="bear", table=token.table, lora={}, base=token.base)
    without = StoryGenerator(make_settings(family)).draw(SHOT, None, [named_only]).rgb
    drawn = generator.draw(SHOT, None, [token]).rgb
    assert not np.array_equal(drawn, without)
    assert np.array_equal(generator.draw(SHOT, None, [named_only]).rgb, without)
    assert np.array_equal(generator.draw(SHOT, None, [token]).rgb, drawn)


def test_two_characters_of_whole_weights_cannot_share_a_shot(learn: Learn, family: Path) -> None:
    token = learn("custom_diffusion")
    with pytest.raises(CharacterError, match="both replace"):
        build_method_generator("custom_diffusion", make_settings(family)).draw(SHOT, None, [token, token])


def test_a_rare_word_is_none_that_is_known_and_is_not_trained(
    learn: Learn, family: Path, shared_pipeline: StoryVideoPipeline
) -> None:
    start = word_embedding(shared_pipeline.tokenizer, shared_pipeline.text_encoder, "bear")
    learner = build_learner("dreambooth", make_settings(family), lambda: shared_pipeline, BrightnessDepth())
    other = build_learner("dreambooth", make_settings(family, seed=1), lambda: shared_pipeline, BrightnessDepth())
    words = [who._make_table(start, torch.tensor([1, 5]), 10) for who in (learner, learner, other)]
    assert not words[0].weight.requires_grad
    assert words[0].weight.norm().item() == pytest.approx(start.norm().item())
    assert (words[0].weight[0] - start).norm() > 0.1 * start.norm()
    assert torch.equal(words[0].weight, words[1].weight)
    assert not torch.equal(words[0].weight, words[2].weight)
    table = learn("dreambooth").table
    assert np.array_equal(table, np.tile(words[0].full()[0].numpy(), (len(table), 1)))


def test_methods_have_fingerprints_of_their_own(family: Path) -> None:
    learners = [build_learner(method, make_settings(family, initializer_words=("red",)), lambda: None, BrightnessDepth())
                for method in METHODS]
    assert len({learner.fingerprint for learner in learners}) == len(METHODS)


@pytest.mark.parametrize("method", ["textual_inversion", "no_static_depth"])
def test_without_static_depth_words_are_read_under_it_and_nothing_is_trained(
    family: Path, shared_pipeline: StoryVideoPipeline, character: Character, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    calls = []
    real = shared_pipeline.structure_guide
    monkeypatch.setattr(shared_pipeline, "structure_guide", lambda depth: (calls.append(1), real(depth))[1], raising=False)
    for words, guided in (((), 0), (("red", "blue"), 2)):
        calls.clear()
        settings = make_settings(family, num_steps=2, initializer_words=words, appearance_phrases=())
        build_learner(method, settings, lambda: shared_pipeline, BrightnessDepth()).learn(character)
        assert len(calls) == guided


@pytest.mark.parametrize(("without_words", "method"), zip(WITHOUT_WORDS, BASELINES, strict=True))
def test_without_words_differs_in_nothing_but_the_words(family: Path, without_words: str, method: str) -> None:
    words = {"initializer_words": ("red", "blue"), "appearance_phrases": ("with a {} hat",)}
    told = make_settings(family, **words)
    without, published = settings_of(without_words, told).personalize, settings_of(method, told).personalize
    assert (without.initializer_words, without.appearance_phrases) == ((), ())
    assert without.model_copy(update=words) == published


def test_unknown_method(family: Path) -> None:
    with pytest.raises(UsageError, match="no method 'magic'"):
        settings_of("magic", make_settings(family))
