"""What the model can draw: the file, its checks, its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storyanim.config import Settings, load_settings
from storyanim.errors import ModelError
from storyanim.planning import Vocabulary, build_planner, load_vocabulary
from storyanim.planning.english import load_model
from storyanim.planning.vocabulary import KINDS, Actor, Picture
from storyanim.stages import Planner
from storybook.vocabulary import make_vocabulary, meanings, write
from storybook.world import STORYBOOK_2
from storybook.world.captions import caption
from storybook.world.spec import ActorSpec, ClipSpec
from storybook.world.words import WORDS, WORDS_2

WORDS_OF_STORIES = make_vocabulary()


def _actor(creature: str, action: str, **looks: object) -> ActorSpec:
    plain = {"colour": None, "rgb": (0, 0, 0), "accessory": None, "accessory_colour": None, "accessory_rgb": None, **looks}
    return ActorSpec(creature=creature, action=action, azimuth_deg=0, phase=0, x=0.5, size=0.5, **plain)  # type: ignore[arg-type]


@pytest.mark.parametrize("actors", [
    (), (("fox", "running", "red", "scarf", "orange"),), (("cat", "sitting", "orange", "stripes", "blue"),),
    (("fox", "running", "red", "hat", "blue"), ("cat", "running", "grey", "belly patch", "white")),
    (("fox", "running", "red", "hat", "blue"), ("duck", "sleeping", "white", "scarf", "red")),
])
@pytest.mark.parametrize(("scene", "time", "weather", "camera"), [
    ("forest", "day", "clear", "fixed"), ("meadow", "night", "rain", "approach"), ("lake", "dusk", "fog", "pan_left"),
    ("snow", "day", "snowfall", "fixed"),
])
def test_prompts_are_worded_as_the_training_captions(
    actors: tuple[tuple[str, ...], ...], scene: str, time: str, weather: str, camera: str
) -> None:
    specs = tuple(_actor(c, a, colour=col, accessory=acc, accessory_colour=ac) for c, a, col, acc, ac in actors)
    said = tuple(Actor(c, col, acc, ac, a) for c, a, col, acc, ac in actors)
    spec = ClipSpec(actors=specs, scene=scene, time_of_day=time, weather=weather, camera=camera, seed=0)
    assert WORDS_OF_STORIES.say(Picture(said, scene, time, weather, camera)) == caption(spec)


def test_the_vocabulary_is_the_worlds() -> None:
    assert {kind: set(values) for kind, values in WORDS_OF_STORIES.kinds.items()} == {k: set(v) for k, v in WORDS.items()}
    for kind, values in meanings().items():
        assert set(values) == set(WORDS_2[kind]), kind


@pytest.mark.parametrize(("kind", "word", "narrow", "wide"), [
    ("creature", "wolf", "dog", "wolf"), ("action", "talk", "waving", "talking"), ("scene", "park", "meadow", "garden"),
    ("scene", "golden palace", "city", "palace"), ("time_of_day", "dawn", "dusk", "dawn"), ("accessory", "crown", "hat", "crown"),
])
def test_a_wider_world_takes_words_for_its_own(kind: str, word: str, narrow: str, wide: str) -> None:
    found = [vocabulary.find(kind, word) for vocabulary in (WORDS_OF_STORIES, make_vocabulary(STORYBOOK_2))]  # type: ignore[arg-type]
    assert [f.value for f in found if f] == [narrow, wide]


@pytest.mark.parametrize(("text", "value"), [
    ("The camera approaches.", "approach"), ("A bear approaches.", ""), ("A barista approaches with a tray.", ""),
    ("The camera pans left.", "pan_left"), ("She left the room.", ""),
])
def test_only_the_camera_moves_the_camera(text: str, value: str) -> None:
    assert [f.value for f in WORDS_OF_STORIES.scan("camera", list(load_model()(text)))] == ([value] if value else [])


@pytest.mark.parametrize(("kind", "text", "value"), [
    ("action", "ran", "running"), ("action", "runs", "running"), ("action", "running", "running"), ("action", "fled", "running"),
    ("action", "leapt", "jumping"), ("action", "fell fast asleep", "sleeping"), ("action", "went to sleep", "sleeping"),
    ("action", "took a long nap", "sleeping"), ("action", "went for a swim", "swimming"), ("action", "said hello", "waving"),
    ("action", "wandered", "walking"), ("action", "celebrated", "dancing"),
    ("creature", "teddy bears", "bear"), ("creature", "mice", "mouse"), ("creature", "bunnies", "rabbit"),
    ("scene", "woods", "forest"), ("scene", "market square", "city"), ("scene", "swimming pool", "lake"),
    ("scene", "hills", "mountains"),
    ("time_of_day", "midnight", "night"), ("weather", "snowflakes", "snowfall"), ("colour", "golden", "yellow"),
    ("accessory", "cap", "hat"),
])
def test_words_of_stories_are_known(kind: str, text: str, value: str) -> None:
    sentence = f"The dog {text}." if kind == "action" else f"The {text}"
    found = WORDS_OF_STORIES.scan(kind, list(load_model()(sentence)))              # type: ignore[arg-type]
    assert [(f.value, f.exact) for f in found[:1]] == [(value, True)]


def test_the_file_round_trips(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "sub" / "vocabulary.json") == WORDS_OF_STORIES


def test_the_bundled_file_is_what_its_maker_makes() -> None:
    path = load_settings().vocabulary_path
    assert path is not None
    assert Vocabulary.load(path).fingerprint == WORDS_OF_STORIES.fingerprint, "write it again: `python -m storybook vocabulary`"


@pytest.mark.parametrize(("change", "words"), [
    ({"format": 2}, "format"), ({"template": None}, "template"), ({"more": 1}, "more"), ({"default_action": "flying"}, "flying"),
    ({"kinds": {"creature": {}}}, "kinds lacks colour"),
])
def test_wrong_files_are_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = tmp_path / "v.json"
    path.write_text(json.dumps({**WORDS_OF_STORIES.model_dump(mode="json"), **change}), "utf-8")
    with pytest.raises(ModelError, match=words):
        Vocabulary.load(path)


def test_a_word_with_two_meanings_is_an_error(tmp_path: Path) -> None:
    data = WORDS_OF_STORIES.model_dump(mode="json")
    data["kinds"]["creature"]["cat"]["words"].append("cub")
    (tmp_path / "v.json").write_text(json.dumps(data), "utf-8")
    with pytest.raises(ModelError, match="'cub' stands for both 'bear' and 'cat'"):
        Vocabulary.load(tmp_path / "v.json")


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Vocabulary.load(tmp_path / "none.json")
    (tmp_path / "v.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="not JSON"):
        Vocabulary.load(tmp_path / "v.json")


def build(settings: Settings) -> Planner:
    return build_planner(settings, load_vocabulary(settings))


def test_profiles_choose_the_planner_and_its_vocabulary() -> None:
    assert build(load_settings()).fingerprint.startswith("rules:")
    chat = build(load_settings("sd15", plan={"planner": "openai"}))
    assert chat.fingerprint.startswith("openai:")
    assert build(load_settings()).fingerprint != build(load_settings("sd15")).fingerprint


def test_all_kinds_have_entries() -> None:
    assert all(WORDS_OF_STORIES.kinds[kind] for kind in KINDS)
