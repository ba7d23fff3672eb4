"""What a run was asked, and a person's edits of its storyboard, with fakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import ALL_CALLS, EDITED, STORY, Diary, fake_components
from family import save_pictures

from storyanim.artifacts import Shot, Storyboard
from storyanim.engine.run_dir import RunDir
from storyanim.errors import CharacterError, InputError, StoryError
from storyanim.retrieve.index import VideoIndex
from storyanim.run.history import versions
from storyanim.run.pipeline import FilmResult, make_film
from storyanim.run.report import write_report
from storyanim.run.request import CharacterRequest, FilmRequest, read_request

Film = Callable[..., FilmResult]
FLAGS = {"retrieve": {"candidates": 2}, "film": {"width_px": 64, "height_px": 48, "fps": 8, "title_s": 0, "max_hold_s": 0},
         "generate": {"num_frames": 4, "max_duration_s": 0.5}}


@pytest.fixture
def diary() -> Diary:
    """Of the fakes, which take the place of the real components."""
    return Diary()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def film(diary: Diary, folder: Path, index: VideoIndex) -> Film:
    def made(story: Any = STORY, board: Storyboard | None = None, **asked: Any) -> FilmResult:
        wanted = FilmRequest(story=None if board else story, flags=FLAGS, **asked)
        with RunDir(folder) as run:
            return make_film(run, wanted, fake_components(diary, index, wanted.settings()), lambda done, text: None, board)

    return made


@pytest.fixture
def bear(tmp_path: Path) -> CharacterRequest:
    return CharacterRequest.parse(str(save_pictures(tmp_path / "bear")))


def edit(folder: Path, **changes: dict[str, Any]) -> None:
    """Changes the named shots in the run's storyboard.yaml, as a person with an editor would."""
    path = folder / "storyboard.yaml"
    head, rest = path.read_text().split("\n", 1)
    board = Storyboard.from_yaml(rest)
    shots = tuple(shot.model_copy(update=changes.get(shot.id, {})) for shot in board.shots)
    path.write_text(f"{head}\n{board.model_copy(update={'shots': shots}).to_yaml()}")


def draws(diary: Diary) -> list[str]:
    return [call for call in diary.read() if call.startswith("draw")]


class TestTheRunFolder:
    def test_it_holds_what_people_look_for(self, film: Film, folder: Path) -> None:
        film()
        names = {path.name for path in folder.iterdir()}
        assert {"run.json", "storyboard.yaml", "log.jsonl", "film.mp4", "film.srt", "sheet.png", "report.html"} <= names

    def test_run_json_is_the_request(self, film: Film, folder: Path) -> None:
        film(seed=3)
        facts = json.loads((folder / "run.json").read_text())
        assert read_request(folder) == FilmRequest(story=STORY, flags=FLAGS, seed=3)
        assert facts["settings"]["film"]["height_px"] == 48
        assert facts["versions"]["torch"][0].isdigit()

    def test_what_is_no_run_is_an_input_error(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no run folder"):
            read_request(tmp_path)

    def test_the_report_tells_of_each_shot(self, film: Film, folder: Path) -> None:
        film()
        page = (folder / "report.html").read_text()
        assert all(word in page for word in ("A green frog jumps.", "shots/s03/frames/preview.png", "candidate-1.png"))

    def test_the_report_is_written_again_from_the_folder_alone(self, film: Film, folder: Path) -> None:
        film()
        before = (folder / "report.html").read_bytes()
        with RunDir(folder) as run:
            write_report(run, read_request(folder).settings())
        assert (folder / "report.html").read_bytes() == before

    def test_the_result_tells_what_was_redrawn(self, film: Film, folder: Path) -> None:
        assert film().redrawn == ("s01", "s02", "s03")
        edit(folder, s02={"prompt": "A yellow frog."})
        result = film()
        assert result.redrawn == ("s02",)
        assert result.path.is_file()
        assert all(shot.pictures.is_file() for shot in result.shots)

    def test_another_seed_another_film_from_the_same_depth(self, film: Film, folder: Path, diary: Diary) -> None:
        film()
        first = (folder / "film.mp4").read_bytes()
        assert diary.read() == ALL_CALLS
        film(seed=1)
        assert diary.read() == ["draw s01", "draw s02", "draw s03"]
        assert (folder / "film.mp4").read_bytes() != first
        film()
        assert diary.read() == []                    # drawings are kept
        assert (folder / "film.mp4").read_bytes() == first

    def test_again_does_nothing(self, film: Film, diary: Diary) -> None:
        film()
        diary.read()
        film()
        assert diary.read() == []


class TestEdits:
    def test_an_edited_prompt_is_drawn(self, film: Film, folder: Path, diary: Diary) -> None:
        film()
        edit(folder, s02={"prompt": "A yellow frog."})
        diary.read()
        production = film()
        assert diary.read() == ["draw s02"]
        assert production.storyboard.shots[1].prompt == "A yellow frog."

    def test_a_new_story_keeps_ids_and_pins_of_shots_with_the_same_words(self, film: Film, folder: Path) -> None:
        found = film().shots[2].candidates.value
        pin = found.match.clip_id
        other = next(match.clip_id for match in found.matches if match.clip_id != pin)
        edit(folder, s03={"pinned": pin, "banned": (other,)}, s01={"prompt": "mine"})
        before = (folder / "storyboard.yaml").read_text()
        board = film(EDITED).storyboard
        assert [shot.id for shot in board.shots] == ["s01", "s04", "s03"]
        assert (board.shots[2].pinned, board.shots[2].banned) == (pin, (other,))
        assert board.shots[1].text == "A green frog sings. "
        assert board.shots[0].prompt == "mine"
        assert before in [version.text for version in versions(folder)]

    def test_a_new_story_draws_only_what_is_new(self, film: Film, diary: Diary) -> None:
        film()
        diary.read()
        film(EDITED)
        assert diary.read() == ["plan The colours", "encode green", "depth green", "draw s04"]

    def test_an_unreadable_edit_is_a_story_error(self, film: Film, folder: Path) -> None:
        film()
        path = folder / "storyboard.yaml"
        path.write_text(path.read_text().replace("shots:", "shorts:"))
        with pytest.raises(StoryError, match="shorts: no such field; did you mean shots"):
            film()

    def test_a_lost_storyboard_is_planned_again(self, film: Film, folder: Path, diary: Diary) -> None:
        film()
        before = (folder / "storyboard.yaml").read_bytes()
        (folder / "storyboard.yaml").unlink()
        diary.read()
        film()
        assert diary.read() == []
        assert (folder / "storyboard.yaml").read_bytes() == before


class TestGivenStoryboards:
    def board(self, **shot: Any) -> Storyboard:
        first = Shot(id="s07", text="One.", query="red", prompt="a red bear", seed=1)
        second = first.model_copy(update={"id": "s09", "query": "blue"})
        return Storyboard(title="Mine", shots=(first.model_copy(update=shot), second))

    def test_one_is_filmed_without_a_planner(self, film: Film, diary: Diary) -> None:
        film(board=self.board())
        assert diary.read() == ["encode red", "encode blue", "depth red", "draw s07", "depth blue", "draw s09"]

    def test_the_run_goes_on_with_what_it_was_given(self, film: Film, folder: Path, diary: Diary) -> None:
        film(board=self.board())
        diary.read()
        film(**{name: value for name, value in read_request(folder) if name not in {"version", "flags"}})
        assert diary.read() == []

    def test_a_character_that_is_not_given_is_an_error_before_any_work(self, film: Film, diary: Diary) -> None:
        from storyanim.artifacts import CastMember

        board = self.board().model_copy(update={"characters": (CastMember(name="fox", noun="fox", token="<fox>"),)})
        board = board.model_copy(update={"shots": (board.shots[0].model_copy(update={"characters": ("fox",)}),)})
        with pytest.raises(CharacterError, match="names fox") as caught:
            film(board=board)
        assert "--character" in caught.value.hint
        assert diary.read() == []


class TestCharacters:
    def test_one_plays_in_the_shots_that_name_it(self, film: Film, bear: CharacterRequest, diary: Diary) -> None:
        film(characters=(bear,))
        assert draws(diary) == ["draw s01 <bear>", "draw s02", "draw s03"]

    def test_a_noun_says_whom_it_plays(self, film: Film, tmp_path: Path, diary: Diary) -> None:
        asked = CharacterRequest.parse(f"{save_pictures(tmp_path / 'pip')}=frog")
        film(characters=(asked,))
        assert draws(diary) == ["draw s01", "draw s02 <pip>", "draw s03"]

    def test_a_path_with_an_equals_sign_is_a_path(self, tmp_path: Path) -> None:
        folder = save_pictures(tmp_path / "a=b")
        assert CharacterRequest.parse(str(folder)) == CharacterRequest(path=str(folder))

    @pytest.mark.parametrize("given", ["nowhere", "nowhere=bear", "", "=bear"])
    def test_a_path_that_is_not_there(self, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(CharacterError, match="no character"):
            CharacterRequest.parse(given)

    def test_one_that_a_given_storyboard_never_names_is_an_error_with_the_nouns(
        self, film: Film, tmp_path: Path, diary: Diary, folder: Path
    ) -> None:
        asked = CharacterRequest.parse(f"{save_pictures(tmp_path / 'rex')}=dragon")
        shots = (Shot(id="s01", text="A red bear chases a frog.", query="red", prompt="a red bear"),)
        with pytest.raises(CharacterError, match="rex, a dragon") as caught:
            film(board=Storyboard(title="T", shots=shots), characters=(asked,))
        assert "bear" in caught.value.message
        assert "frog" in caught.value.message
        assert diary.read() == []
        assert not folder.exists()

    def test_two_of_one_name_are_an_error(self, film: Film, bear: CharacterRequest, tmp_path: Path, folder: Path) -> None:
        other = CharacterRequest.parse(str(save_pictures(tmp_path / "more" / "bear")))
        with pytest.raises(CharacterError, match="same name"):
            film(characters=(bear, other))
        assert not folder.exists()

    def test_an_edit_may_take_a_character_out(self, film: Film, bear: CharacterRequest, folder: Path, diary: Diary) -> None:
        film(characters=(bear,))
        edit(folder, s01={"characters": (), "prompt": "nobody"})
        diary.read()
        film(characters=(bear,))
        assert diary.read() == ["draw s01"]


class TestNothingIsLeftHalfWritten:
    def test_an_error_before_the_first_step_leaves_no_folder(self, film: Film, folder: Path, diary: Diary) -> None:
        def fail(call: str) -> None:
            raise StoryError("no shots", hint="h")

        diary.on_call = fail
        with pytest.raises(StoryError):
            film()
        assert not folder.exists()

    def test_an_error_later_keeps_what_was_done(self, film: Film, folder: Path, diary: Diary) -> None:
        def fail(call: str) -> None:
            if call.startswith("draw"):
                raise StoryError("no", hint="h")

        diary.on_call = fail
        with pytest.raises(StoryError):
            film()
        assert (folder / "shots/s01/depth/done.json").exists()
        assert not (folder / "film.mp4").exists()
