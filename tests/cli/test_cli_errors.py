"""Whatever is wrong: the exit code, one error, one hint, and nothing half-written."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Cli, Outcome
from family import save_pictures


@pytest.fixture
def untouched(here: Path) -> Iterator[None]:
    """The working folder must be the same afterwards, `given` files apart."""
    yield
    assert sorted(path.name for path in here.iterdir()) == sorted(name for name in os.listdir(here) if name.startswith("given"))


@pytest.fixture
def given_story(here: Path) -> Path:
    path = here / "given.txt"
    path.write_text("A red bear runs in the forest.")
    return path


def is_bad_input(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 4, outcome.err
    assert outcome.out == ""
    error, hint = outcome.complaint
    assert hint
    assert all(word in error for word in words), error


@pytest.mark.usefixtures("untouched")
class TestStories:
    @pytest.mark.parametrize(("data", "word"), [
        (b"", "empty"), (b" \n\t\n ", "empty"), (b"...\n", "no words"), (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "binary"),
        ("Der Bär schläft.".encode("latin-1"), "not UTF-8"), (b"a\0b", "binary"),
    ])
    @pytest.mark.parametrize("command", ["run", "plan"])
    def test_unusable(self, cli: Cli, here: Path, profile: Path, real_index: Path, data: bytes, word: str, command: str) -> None:
        (here / "given.txt").write_bytes(data)
        index = ["--index", real_index] if command == "run" else []
        is_bad_input(cli(command, "given.txt", "--profile", profile, *index), "given.txt", word)

    @pytest.mark.parametrize("command", ["run", "plan"])
    def test_missing(self, cli: Cli, command: str) -> None:
        is_bad_input(cli(command, "nowhere.txt"), "nowhere.txt")

    @pytest.mark.parametrize("text", ["shots: [", "title: x\nshots: []\n", "- a\n- b\n", "title: x\nshots:\n- id: one\n"])
    def test_a_broken_storyboard(self, cli: Cli, here: Path, profile: Path, real_index: Path, text: str) -> None:
        (here / "given.yaml").write_text(text)
        is_bad_input(cli("run", "given.yaml", "--profile", profile, "--index", real_index), "given.yaml")

    def test_a_folder_that_is_no_run(self, cli: Cli, here: Path) -> None:
        (here / "given").mkdir()
        for command in (("run",), ("report",), ("export", "preview")):
            is_bad_input(cli(*command, "given"), "no run folder")
        is_bad_input(cli("shot", "redo", "given", "s01"), "no run folder")
        assert list((here / "given").iterdir()) == []


@pytest.mark.usefixtures("untouched")
class TestCharacters:
    def run(self, cli: Cli, story: Path, profile: Path, index: Path, character: object) -> Outcome:
        return cli("run", story, "--profile", profile, "--index", index, "--character", character)

    def test_a_folder_without_pictures(self, cli: Cli, here: Path, given_story: Path, profile: Path, real_index: Path) -> None:
        (here / "given bear").mkdir()
        is_bad_input(self.run(cli, given_story, profile, real_index, "given bear"), "no usable picture")
        (here / "given bear" / "a.png").write_bytes(b"no picture")
        is_bad_input(self.run(cli, given_story, profile, real_index, "given bear"), "a.png")
        is_bad_input(cli("personalize", "given bear", "--profile", profile, "--index", real_index), "a.png")

    @pytest.mark.parametrize("given", ["nowhere", "nowhere=bear", "="])
    def test_one_that_is_not_there(self, cli: Cli, given_story: Path, profile: Path, real_index: Path, given: str) -> None:
        is_bad_input(self.run(cli, given_story, profile, real_index, given), "no character")

    def test_a_file_that_is_none(self, cli: Cli, given_story: Path, profile: Path, real_index: Path) -> None:
        is_bad_input(self.run(cli, given_story, profile, real_index, given_story), "safetensors")

    def test_one_that_nobody_names(self, cli: Cli, here: Path, given_story: Path, profile: Path, real_index: Path) -> None:
        pictures = save_pictures(here / "given dragon")
        for command in ("run", "plan"):
            index = ["--index", real_index] if command == "run" else []
            outcome = cli(command, given_story, "--profile", profile, *index, "--character", f"{pictures}=dragon")
            is_bad_input(outcome, "dragon")
            assert "bear" in outcome.complaint[1]

    def test_personalize_without_a_folder(self, cli: Cli, profile: Path) -> None:
        is_bad_input(cli("personalize", "nowhere", "--profile", profile), "nowhere")


@pytest.mark.usefixtures("untouched")
class TestIndexes:
    @pytest.mark.parametrize("lost", ["index.json", "clips.sqlite", "vectors.faiss"])
    def test_a_broken_one(self, cli: Cli, here: Path, given_story: Path, profile: Path, real_index: Path, lost: str) -> None:
        broken = shutil.copytree(real_index, here / "given index")
        (broken / lost).unlink()
        for command in (("run", given_story, "--index", broken), ("search", broken, "bear")):
            is_bad_input(cli(*command, "--profile", profile), "given index")

    def test_one_of_another_encoder(self, cli: Cli, given_story: Path, profile: Path, index_folder: Path) -> None:
        for command in (("run", given_story, "--index", index_folder), ("search", index_folder, "bear")):
            is_bad_input(cli(*command, "--profile", profile), "another encoder")

    def test_one_that_is_not_there(self, cli: Cli, given_story: Path, profile: Path) -> None:
        for command in (("run", given_story, "--index", "nowhere", "--profile", profile), ("index-info", "nowhere")):
            is_bad_input(cli(*command), "nowhere")

    def test_nothing_to_index(self, cli: Cli, here: Path, given_story: Path, profile: Path) -> None:
        (here / "given videos").mkdir()
        is_bad_input(cli("index", "given videos", "-o", "new", "--profile", profile), "no videos")
        is_bad_input(cli("index", "nowhere", "-o", "new", "--profile", profile), "nowhere")
        (here / "given videos" / "a.mp4").write_bytes(b"no video")
        is_bad_input(cli("index", "given videos", "-o", "new", "--profile", profile), "none of 1 videos")

    def test_a_folder_of_something_else_is_not_replaced(self, cli: Cli, here: Path, videos: Path, profile: Path) -> None:
        (here / "given").mkdir()
        (here / "given" / "thesis.txt").write_text("mine")
        is_bad_input(cli("index", videos, "-o", "given", "--profile", profile), "no index folder")
        assert [path.name for path in (here / "given").iterdir()] == ["thesis.txt"]


@pytest.mark.usefixtures("untouched")
class TestModels:
    def test_a_lost_model(self, cli: Cli, here: Path, given_story: Path, profile: Path, real_index: Path) -> None:
        text = profile.read_text().replace("/structure", "/lost")
        (here / "given.toml").write_text(text)
        is_bad_input(cli("run", given_story, "--profile", "given.toml", "--index", real_index), "lost")

    def test_hub_models_without_a_network(self, cli: Cli, given_story: Path, videos: Path) -> None:
        outcome = cli("index", videos, "-o", "new", "--profile", "sd15")
        is_bad_input(outcome, "openai/clip-vit-base-patch32")
        assert "storyanim fetch" in outcome.complaint[1]


@pytest.mark.usefixtures("untouched")
class TestServices:
    @pytest.mark.parametrize("command", ["run", "plan"])
    def test_a_chat_server_that_is_down(
        self, cli: Cli, given_story: Path, profile: Path, real_index: Path, monkeypatch: pytest.MonkeyPatch, command: str
    ) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))          # a port that nobody answers
            monkeypatch.setenv("STORYANIM_PLAN__BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
            index = ["--index", real_index] if command == "run" else []
            outcome = cli(command, given_story, "--planner", "openai", "--profile", profile, *index)
        assert (outcome.code, outcome.out) == (5, "")
        assert "127.0.0.1" in " ".join(outcome.complaint)


class TestPlaces:
    @pytest.mark.parametrize("command", [
        ["run", "given.txt", "--index", "INDEX", "--out"], ["plan", "given.txt", "-o"], ["index", "VIDEOS", "-o"],
        ["search", "INDEX", "bear", "--sheet"], ["personalize", "PICTURES", "--index", "INDEX", "-o"],
    ], ids=lambda command: command[0])
    @pytest.mark.usefixtures("untouched")
    def test_one_that_cannot_be_written(
        self, cli: Cli, here: Path, given_story: Path, profile: Path, real_index: Path, videos: Path, command: list[str]
    ) -> None:
        pictures = save_pictures(here / "given bear")
        names = {"INDEX": real_index, "VIDEOS": videos, "PICTURES": pictures}
        outcome = cli(*[names.get(word, word) for word in command], "given.txt/below.safetensors", "--profile", profile)
        assert (outcome.code, outcome.out) == (6, "")
        assert "below" in outcome.complaint[0]
        assert given_story.read_text().startswith("A red bear")

    def test_a_file_is_no_run_folder(self, cli: Cli, given_story: Path, profile: Path, real_index: Path) -> None:
        outcome = cli("run", given_story, "--profile", profile, "--index", real_index, "--out", given_story)
        assert (outcome.code, "is a file" in outcome.complaint[0]) == (2, True)

    def test_a_disk_without_room_for_the_film(
        self, cli: Cli, here: Path, given_story: Path, profile: Path, real_index: Path
    ) -> None:
        asked = ["run", str(given_story), "--profile", str(profile), "--index", str(real_index), "--out", "run"]

        def little_room() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)                # else writing beyond the limit kills
            resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

        command = [sys.executable, "-m", "storyanim", *asked]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, preexec_fn=little_room, check=False)
        outcome = Outcome(done.returncode, done.stdout, done.stderr)
        assert outcome.code == 6, outcome.err
        assert outcome.complaint
        assert not list(here.rglob(".*.partial"))
        assert cli(*asked).code == 0                 # and with room it goes on
        assert (here / "run" / "film.mp4").stat().st_size > 4000
