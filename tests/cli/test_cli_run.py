"""`storyanim run`, `plan`, `shot` and `report`, with fakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from coloured import save_video
from command_line import RUN, Cli, Outcome
from fakes import ALL_CALLS, STORY, Diary
from family import save_pictures

from storyanim import video
from storyanim.artifacts import Storyboard
from storyanim.errors import ResourceError, VideoError


def board(run: Path = RUN) -> Storyboard:
    return Storyboard.from_yaml((run / "storyboard.yaml").read_text())


def fails(call: str, error: Exception) -> Any:
    def raise_it(asked: str) -> None:
        if asked.startswith(call):
            raise error

    return raise_it


class TestRun:
    def test_a_story_becomes_a_film(self, cli: Cli, story: Path, diary: Diary) -> None:
        outcome = cli("run", story)
        assert outcome.code == 0
        assert diary.read() == ALL_CALLS
        assert outcome.out.splitlines() == [f"{RUN}/film.mp4: 3 shots, 1.5 s", f"{RUN}/report.html: how it came about"]
        assert video.probe(RUN / "film.mp4").duration_s == pytest.approx(1.5)

    def test_json_is_one_document(self, made: Outcome) -> None:
        right = {"chosen": 0, "readings": [{"by": "fake", "score": 1.0, "mark": 0.5, "scores": {}, "remarks": [], "faults": []}]}
        assert made.json == {
            "checks": dict.fromkeys(("s01", "s02", "s03"), right), "run": str(RUN), "film": f"{RUN}/film.mp4", "report": f"{RUN}/report.html", "duration_s": 1.5, "shots": 3,
            "without_footage": [], "drawn": ["s01", "s02", "s03"], "failed": {}, "unsupported_words": {}, "cast": [],
            "pictures": {}, "faults": {}, "seeds": {}, "profile": "storybook", "models": {}, "mended": [], "changed_settings": {},
        }

    def test_progress_is_plain_lines_on_stderr(self, made: Outcome) -> None:
        why, *lines = made.err.splitlines()
        assert why.startswith("profile storybook: ")
        assert lines[0] == "film: 0 %  planning"
        assert lines[-1].endswith("done")
        assert len(lines) >= 6
        assert all(line.startswith("film: ") for line in lines)
        assert "\r" not in made.err
        assert "\x1b" not in made.err

    @pytest.mark.parametrize("again", [("colours.txt",), (RUN,)], ids=["story", "run folder"])
    def test_again_does_nothing(self, cli: Cli, made: Outcome, diary: Diary, again: tuple[Any, ...]) -> None:
        film = (RUN / "film.mp4").stat().st_mtime_ns
        outcome = cli("run", *again, "--json")
        assert (outcome.code, diary.read()) == (0, [])
        assert outcome.json == made.json | {"drawn": []}
        assert (RUN / "film.mp4").stat().st_mtime_ns == film

    def test_a_run_goes_on_with_other_flags(self, cli: Cli, made: Outcome, diary: Diary) -> None:
        assert cli("run", RUN, "--seed", 5).code == 0
        assert diary.read() == ["draw s01", "draw s02", "draw s03"]
        assert cli("run", RUN, "--json").json["drawn"] == []           # and keeps them

    def test_a_changed_story_draws_its_own_shot(self, cli: Cli, made: Outcome, story: Path, diary: Diary) -> None:
        story.write_text(story.read_text().replace("jumps", "sings"))
        outcome = cli("run", story, "--json")
        assert outcome.json["drawn"] == ["s04"]
        assert diary.read() == ["plan The colours", "encode green", "depth green", "draw s04"]

    def test_out_names_the_folder(self, cli: Cli, story: Path, diary: Diary) -> None:
        assert cli("run", story, "--out", "deep/er/film").code == 0
        assert Path("deep/er/film/film.mp4").is_file()
        assert not Path("runs").exists()

    def test_a_storyboard_is_filmed(self, cli: Cli, story: Path, diary: Diary) -> None:
        assert cli("plan", story, "-o", "board.yaml", "--profile", "sd15").code == 0
        outcome = cli("run", "board.yaml", "--json")
        assert outcome.json["shots"] == 3
        assert [call for call in diary.read() if call.startswith("plan")] == []

    def test_a_character_is_learned_and_plays(self, cli: Cli, story: Path, diary: Diary, here: Path) -> None:
        outcome = cli("run", story, "--character", save_pictures(here / "bear"))
        assert outcome.code == 0
        assert [call for call in diary.read() if "bear" in call] == ["encode a bear", "learn bear", "draw s01 <bear>"]
        assert "learning bear" in outcome.err
        assert "film: 0 %  s01 looking for footage" in outcome.err

    @pytest.mark.parametrize(("title", "folder"), [
        ("Ärger im Zoo!", "ärger-im-zoo"), ("../../etc", "etc"), ("???", "story"), ("The Bear's “Lake”", "the-bears-lake"),
    ])
    def test_the_title_names_the_folder(self, title: str, folder: str) -> None:
        from storyanim.api import slug

        assert slug(title) == folder


class TestFailures:
    def test_a_failed_shot_is_listed_and_the_film_is_made_of_the_rest(self, cli: Cli, story: Path, diary: Diary) -> None:
        diary.on_call = fails("draw s02", VideoError("cut off", hint="h"))
        outcome = cli("run", story, "--json")
        assert outcome.code == 3
        assert outcome.json["failed"] == {"s02": "cut off"}
        assert outcome.json["drawn"] == ["s01", "s03"]
        assert "failed: s02: cut off" in outcome.err.splitlines()
        assert outcome.complaint[0].startswith("1 of 3 shots failed")
        assert "cut off" in (RUN / "report.html").read_text()
        diary.on_call = lambda call: None
        diary.read()
        assert cli("run", RUN).code == 0
        assert diary.read() == ["draw s02"]

    def test_all_shots_failing_is_their_error(self, cli: Cli, story: Path, diary: Diary) -> None:
        diary.on_call = fails("draw", VideoError("cut off", hint="play it"))
        outcome = cli("run", story, "--json")
        assert (outcome.code, outcome.json["error"], outcome.complaint) == (4, "cut off", ("cut off", "play it"))

    @pytest.mark.parametrize("call", ["plan", "encode", "depth", "draw s02"])
    def test_ctrl_c_ends_with_130_and_a_run_to_go_on_with(self, cli: Cli, story: Path, diary: Diary, call: str) -> None:
        diary.on_call = fails(call, KeyboardInterrupt())  # type: ignore[arg-type]
        outcome = cli("run", story)
        assert outcome.code == 130
        assert outcome.complaint[0] == "interrupted"
        diary.on_call = lambda call: None
        assert cli("run", story).code == 0
        assert (RUN / "film.mp4").is_file()

    @pytest.mark.parametrize("error", [ResourceError("the disk is full", hint="h"), MemoryError()])
    def test_a_machine_that_fails_is_6(self, cli: Cli, story: Path, diary: Diary, error: Exception) -> None:
        diary.on_call = fails("draw s02", error)
        outcome = cli("run", story)
        assert outcome.code == 6
        assert outcome.complaint
        assert not (RUN / "film.mp4").exists()

    def test_debug_shows_where_it_happened(self, cli: Cli, story: Path, diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORYANIM_DEBUG", "1")
        diary.on_call = fails("draw", VideoError("cut off", hint="h"))
        with pytest.raises(VideoError):
            cli("run", story)


class TestPlan:
    def test_it_prints_a_storyboard(self, cli: Cli, story: Path) -> None:
        outcome = cli("plan", story, "--profile", "sd15")
        assert outcome.code == 0
        shots = Storyboard.from_yaml(outcome.out).shots
        assert "".join(shot.text for shot in shots).strip() == STORY.text

    def test_json_is_the_storyboard(self, cli: Cli, story: Path) -> None:
        outcome = cli("plan", story, "--profile", "sd15", "--json")
        assert Storyboard.model_validate(outcome.json).title == STORY.title

    def test_it_writes_a_file_and_tells(self, cli: Cli, story: Path) -> None:
        outcome = cli("plan", story, "--profile", "sd15", "-o", "new/board.yaml")
        lines = outcome.out.splitlines()
        assert lines[0] == "new/board.yaml: 3 shots"
        assert [line.split() for line in lines[1:3]] == [["who", "shots", "played", "by"], ["bear", "1", "of", "3", "bear"]]
        assert lines[-1].endswith("--character FOLDER=bear")
        assert len(Storyboard.from_yaml(Path("new/board.yaml").read_text()).shots) == 3

    def test_a_cast_that_was_edited_is_kept(self, cli: Cli, here: Path) -> None:
        (here / "tom.txt").write_text("Tom ran to the lake. Tom danced.\n")
        assert "Tom (man)  2 of 2  brown bear" in cli("plan", "tom.txt", "-o", "board.yaml").out
        file = Path("board.yaml")
        file.write_text(file.read_text().replace("played_by: brown bear", "played_by: green duck"))
        assert "Tom (man)  2 of 2  green duck" in cli("plan", "tom.txt", "-o", "board.yaml").out
        assert all("a green duck" in shot.prompt for shot in Storyboard.from_yaml(file.read_text()).shots)
        file.write_text(file.read_text().replace("played_by: green duck", "played_by: green spaceship"))
        outcome = cli("plan", "tom.txt", "-o", "board.yaml")
        assert outcome.code == 4
        assert "spaceship" in outcome.complaint[0]

    def test_whom_the_model_cannot_draw_is_an_error_where_asked(self, cli: Cli, here: Path) -> None:
        (here / "tom.txt").write_text("Tom ran to the lake. The bear danced.\n")
        outcome = cli("plan", "tom.txt", "--cast", "strict")
        assert (outcome.code, outcome.complaint[0]) == (4, "this profile cannot draw Tom")
        assert "nobody: not drawn" in cli("plan", "tom.txt", "--cast", "none").err

    def test_a_story_in_another_language_is_told(self, cli: Cli, story: Path, here: Path) -> None:
        german = "Der kleine Bär lief durch den Wald. Dann schlief er ein, und am Morgen ging er zum See.\n"
        (here / "german.txt").write_text(german)
        outcome = cli("plan", "german.txt", "--profile", "sd15")
        assert outcome.code == 4
        assert "looks like German" in outcome.err
        assert "--planner openai" in outcome.err
        assert "English" not in cli("plan", story, "--profile", "sd15").err

    def test_characters_stand_in_the_prompts(self, cli: Cli, story: Path, here: Path) -> None:
        outcome = cli("plan", story, "--profile", "sd15", "--character", f"{save_pictures(here / 'bruno')}=bear", "--json")
        assert outcome.json["characters"] == [{"name": "bruno", "noun": "bear", "token": "<bruno>", "plays": ""}]
        assert "<bruno> bear" in outcome.json["shots"][0]["prompt"]


class TestReport:
    def test_it_is_written_again_from_the_folder(self, cli: Cli, made: Outcome) -> None:
        page = RUN / "report.html"
        before = page.read_text()
        page.unlink()
        outcome = cli("report", RUN, "--json")
        assert outcome.json == {"report": str(page.absolute())}
        assert page.read_text() == before


class TestExport:
    @pytest.mark.parametrize("name", ["new/film.webp", "film.gif"])
    def test_a_small_moving_picture(self, cli: Cli, made: Outcome, name: str) -> None:
        from PIL import Image

        outcome = cli("export", "preview", RUN, "-o", name, "--width", 32)
        assert (outcome.code, outcome.out, outcome.err) == (0, f"{name}\n", "")
        picture = Image.open(name)
        assert (picture.size, picture.n_frames) == ((32, 24), 12)

    def test_a_place_that_cannot_be_written(self, cli: Cli, made: Outcome, story: Path) -> None:
        outcome = cli("export", "preview", RUN, "-o", story / "film.gif")
        assert (outcome.code, outcome.out) == (6, "")
        assert outcome.complaint

    def test_a_run_without_a_film(self, cli: Cli, made: Outcome) -> None:
        (RUN / "film" / "done.json").unlink()
        outcome = cli("export", "preview", RUN)
        assert (outcome.code, outcome.complaint[1]) == (4, f"make it: storyanim run {RUN}")


class TestShot:
    def change(self, cli: Cli, *arguments: object) -> None:
        outcome = cli("shot", *arguments)
        assert outcome.code == 0, outcome.err
        assert outcome.out == ""
        assert f"storyanim run {RUN}" in outcome.err

    def drawn(self, cli: Cli) -> list[str]:
        outcome = cli("run", RUN, "--json")
        assert outcome.code == 0, outcome.err
        drawn: list[str] = outcome.json["drawn"]
        return drawn

    def test_redo_draws_it_with_another_seed(self, cli: Cli, made: Outcome, diary: Diary) -> None:
        film = (RUN / "film.mp4").read_bytes()
        self.change(cli, "redo", RUN, "s02")
        assert self.drawn(cli) == ["s02"]
        assert diary.read() == ["draw s02"]
        assert (RUN / "film.mp4").read_bytes() != film

    def test_replace_gives_it_another_prompt(self, cli: Cli, made: Outcome, diary: Diary) -> None:
        self.change(cli, "replace", RUN, "s02", "--prompt", "a yellow frog")
        assert self.drawn(cli) == ["s02"]
        assert diary.read() == ["draw s02"]
        assert board().shots[1].prompt == "a yellow frog"

    def test_replace_gives_it_another_query(self, cli: Cli, made: Outcome, diary: Diary) -> None:
        self.change(cli, "replace", RUN, "s03", "--query", "red")
        assert self.drawn(cli) == ["s03"]
        assert diary.read() == ["encode red", "depth red", "draw s03"]

    def test_insert_puts_one_behind(self, cli: Cli, made: Outcome, diary: Diary) -> None:
        self.change(cli, "insert", RUN, "s01", "--prompt", "a green bear", "--text", "It turned green.")
        assert self.drawn(cli) == ["s04"]
        assert [shot.id for shot in board().shots] == ["s01", "s04", "s02", "s03"]
        assert "It turned green." in (RUN / "film.srt").read_text()
        self.change(cli, "remove", RUN, "s04")
        self.change(cli, "insert", RUN, "s03", "--prompt", "the end")
        assert [shot.id for shot in board().shots][-1] != "s03"

    def test_remove_takes_it_out_of_the_film(self, cli: Cli, made: Outcome) -> None:
        self.change(cli, "remove", RUN, "s02")
        assert self.drawn(cli) == []
        assert video.probe(RUN / "film.mp4").duration_s == pytest.approx(1.0)
        assert "frog" not in (RUN / "film.srt").read_text()

    def test_the_last_shot_cannot_be_removed(self, cli: Cli, made: Outcome) -> None:
        for shot in ("s01", "s02"):
            self.change(cli, "remove", RUN, shot)
        outcome = cli("shot", "remove", RUN, "s03")
        assert (outcome.code, outcome.complaint[0]) == (4, "a film needs at least one shot")

    def test_pin_and_ban_choose_the_footage(self, cli: Cli, made: Outcome, diary: Diary) -> None:
        import json

        def candidates() -> list[str]:
            found = json.loads((RUN / "shots/s02/match/match.json").read_text())
            return [match["clip_id"] for match in [found["matches"][found["chosen"]], *found["matches"]]]

        chosen, *others = candidates()
        other = next(clip for clip in others if clip != chosen)
        self.change(cli, "pin", RUN, "s02", other)
        assert self.drawn(cli) == ["s02"]
        assert candidates()[0] == other
        self.change(cli, "ban", RUN, "s02", other)
        assert board().shots[1].pinned is None
        assert self.drawn(cli) == []                 # the drawing that it had before the pin was kept
        assert other not in candidates()
        assert candidates()[0] == chosen

    def test_footage_of_ones_own(self, cli: Cli, made: Outcome, diary: Diary, here: Path) -> None:
        import json

        own = save_video(here / "my dog.mp4", "blue", seconds=3.0)
        self.change(cli, "pin", RUN, "s01", "--clip", "my dog.mp4@0.5-1.5")
        assert board().shots[0].pinned == f"{own}@0.5-1.5"
        assert self.drawn(cli) == ["s01"]
        assert diary.read() == ["encode red", "encode red", "depth blue", "draw s01"]
        found = json.loads((RUN / "shots/s01/match/match.json").read_text())
        chosen = found["matches"][found["chosen"]]
        assert (chosen["path"], chosen["start_s"], chosen["end_s"]) == (str(own), 0.5, 1.5)
        assert len(found["matches"]) == 3            # those of the index stay to be seen
        assert "my dog.mp4 from 0.5 s to 1.5 s" in (RUN / "report.html").read_text()
        assert len(list((RUN / "shots/s01/thumbnails").glob("candidate-*.png"))) == 3

        assert self.drawn(cli) == []
        film = (RUN / "film.mp4").read_bytes()
        save_video(own, "green", seconds=3.0)        # other pictures under the same name
        assert self.drawn(cli) == ["s01"]
        assert (RUN / "film.mp4").read_bytes() != film

        own.unlink()
        film = (RUN / "film.mp4").read_bytes()
        outcome = cli("run", RUN)                    # told with its line, before anything is drawn
        assert outcome.code == 4
        assert f"there is no file {own}" in outcome.err
        assert (RUN / "film.mp4").read_bytes() == film

    @pytest.mark.parametrize(("clip", "said"), [
        ("gone.mp4", "there is no video"), ("gone.mp4@1-2", "there is no video"), ("story.mp4", "cannot be read as a video"),
        ("own.mp4@1-2.5", "lasts 2 s, so 1-2.5 lies outside of it"), ("own.mp4@7-8", "outside"), ("own.mp4@1-1", "ends before"),
        ("own.mp4@2-1", "ends before"), ("own.mp4@one-two", "there is no video"), (".", "there is no video"),
    ])
    def test_footage_that_cannot_be(self, cli: Cli, made: Outcome, here: Path, clip: str, said: str) -> None:
        save_video(here / "own.mp4", "blue")
        (here / "story.mp4").write_text("Once upon a time")
        before = (RUN / "storyboard.yaml").read_bytes()
        outcome = cli("shot", "pin", RUN, "s01", "--clip", clip)
        assert outcome.code == 4
        assert said in outcome.complaint[0]
        assert "FILE@START-END" in outcome.complaint[1]
        assert (RUN / "storyboard.yaml").read_bytes() == before

    @pytest.mark.parametrize("clips", [(), ("a@0-2", "--clip", "own.mp4")])
    def test_one_clip_is_pinned(self, cli: Cli, made: Outcome, clips: tuple[str, ...]) -> None:
        assert cli("shot", "pin", RUN, "s01", *clips).code == 2

    @pytest.mark.parametrize("command", [("redo",), ("remove",), ("replace", "--prompt", "x"), ("insert", "--prompt", "x"),
                                         ("pin", "clip"), ("ban", "clip")], ids=lambda command: command[0])
    def test_an_unknown_shot_changes_nothing(self, cli: Cli, made: Outcome, command: tuple[str, ...]) -> None:
        before = (RUN / "storyboard.yaml").read_bytes()
        outcome = cli("shot", command[0], RUN, "s99", *command[1:])
        assert outcome.code == 4
        assert "s01, s02, s03" in outcome.complaint[1]
        assert (RUN / "storyboard.yaml").read_bytes() == before

    def test_the_first_line_stays(self, cli: Cli, made: Outcome) -> None:
        first = (RUN / "storyboard.yaml").read_text().split("\n")[0]
        self.change(cli, "redo", RUN, "s01")
        assert (RUN / "storyboard.yaml").read_text().split("\n")[0] == first
