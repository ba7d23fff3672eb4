"""Exit codes and what is printed where streams, folders and ffmpeg are not as usual."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Cli
from fakes import Diary

STORYANIM = f"{sys.executable} -m storyanim"


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", command.replace("storyanim", STORYANIM, 1)], cwd=folder, capture_output=True,
                          env={**os.environ, **environment}, check=False, timeout=300)


class TestClosedStreams:
    """Of `plan`, which writes a file, progress and a result."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "s.txt").write_text("A bear walked through the forest.\n")
        return tmp_path

    @pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", ">&- 2>&-"])
    def test_the_work_is_done(self, folder: Path, closed: str) -> None:
        assert shell(f"storyanim plan s.txt -o b.yaml {closed}", folder).returncode == 0
        assert (folder / "b.yaml").read_text().startswith("title: ")

    def test_whoever_reads_may_stop(self, folder: Path) -> None:
        done = shell("storyanim plan s.txt | head -0; echo ${PIPESTATUS[0]}", folder)
        assert (done.stdout, done.stderr) == (b"0\n", b"")

    @pytest.mark.parametrize("buffered", ["", "1"])
    @pytest.mark.parametrize("command", ["plan s.txt", "", "shot", "--help", "--version"])
    def test_a_full_disk_behind_stdout(self, folder: Path, command: str, buffered: str) -> None:
        done = shell(f"storyanim {command} > /dev/full", folder, PYTHONUNBUFFERED=buffered)
        assert done.returncode == 6
        assert [line.split(b":")[0] for line in done.stderr.splitlines()[-2:]] == [b"error", b"hint"]
        assert done.stderr.count(b"error: stdout") == done.stderr.count(b"error:") == 1


class TestBeforeDrawing:
    @pytest.mark.parametrize("name", ["b\udcff", "a\nb"])
    def test_a_folder_that_is_no_text(self, cli: Cli, story: Path, diary: Diary, here: Path, name: str) -> None:
        outcome = cli("run", story, "--out", name)
        assert outcome.code == 2
        assert "another name" in outcome.complaint[1]
        assert diary.read() == []
        assert sorted(os.listdir(here)) == [story.name]

    def test_no_ffmpeg(self, cli: Cli, story: Path, diary: Diary, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for exe in ("/nope", sys.executable):
            monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", exe)
            outcome = cli("run", story)
            assert outcome.code == 6
            assert exe in outcome.complaint[0]
            assert diary.read() == []
            assert not (here / "runs").exists()

    def test_a_storyboard_in_latin_1(self, cli: Cli, story: Path, diary: Diary) -> None:
        assert cli("run", story, "--out", "r").code == 0
        path = Path("r/storyboard.yaml")
        path.write_bytes(path.read_text().replace("—", "-").replace("bear", "bär").encode("latin-1"))
        outcome = cli("run", "r")
        assert outcome.code == 4
        assert "not UTF-8" in outcome.complaint[0]
        assert cli("shot", "undo", "r").code == 0
        assert cli("run", "r").code == 0


class TestJson:
    def test_an_error_is_one_document(self, cli: Cli, here: Path) -> None:
        outcome = cli("run", "nothing.txt", "--json")
        assert outcome.code == outcome.json["exit_code"] == 4
        assert (outcome.json["error"], outcome.json["hint"]) == outcome.complaint

    def test_a_usage_error(self, cli: Cli, here: Path) -> None:
        assert cli("run", "--quality", "best", "--json").json["exit_code"] == 2

    def test_what_was_done_in_part_is_one_document(self, cli: Cli, story: Path, diary: Diary) -> None:
        from storyanim.errors import VideoError

        def fail(call: str) -> None:
            if call == "draw s02":
                raise VideoError("it is cut off", hint="another")

        diary.on_call = fail
        outcome = cli("run", story, "--json")
        assert outcome.code == 3
        assert outcome.json["failed"] == {"s02": "it is cut off"}

    def test_all_that_is_wrong_with_a_storyboard(self, cli: Cli, here: Path, diary: Diary) -> None:
        Path("b.yaml").write_text(
            "title: t\nshots:\n- id: s01\n  text: A bear walked.\n  query: a bear walking\n  promt: a bear\n"
            "- id: s02\n  text: He slept.\n  text: The line above is lost\n  query: q\n  prompt: p\n  duration_s: 99\n")
        outcome = cli("run", "b.yaml", "--json")
        assert outcome.code == 4
        details = ["line 6, column 3: s01: promt: no such field; did you mean prompt?",
                   "line 9, column 3: s02: text: given twice, only the last would count",
                   "line 12, column 3: s02: duration_s: Input should be less than or equal to 60"]
        assert outcome.json["details"] == details
        assert outcome.err.splitlines()[:3] == details
        assert outcome.complaint[0] == "3 things are wrong with the storyboard b.yaml"
