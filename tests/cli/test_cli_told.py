"""What a run tells of itself: settings that are others by now, damage, and how far it is; with fakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import RUN, Cli, Outcome

from storyanim.engine.run_dir import RunDir
from storyanim.run.checked import keys_of_drawings

GONE = "STORYANIM_GENERATE__GUIDANCE_SCALE"


class TestSettings:
    def test_that_the_environment_no_longer_has(self, cli: Cli, story: Path, diary: object, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(GONE, "5")
        assert cli("run", story).code == 0
        assert "setting" not in cli("run", RUN).err
        monkeypatch.delenv(GONE)
        outcome = cli("run", RUN, "--json")
        assert outcome.json["changed_settings"] == {"generate.guidance_scale": [5.0, 3.0]}
        told, planning = (outcome.err.index(word) for word in ("generate.guidance_scale is 3.0 now, this run had 5.0", "planning"))
        assert told < planning
        assert cli("run", RUN, "--json").json["changed_settings"] == {}

    def test_what_somebody_asks_for_is_no_surprise(self, cli: Cli, made: Outcome) -> None:
        outcome = cli("run", RUN, "--quality", "draft", "--retries", "2", "--json")
        assert outcome.json["changed_settings"] == {}
        assert "this run had" not in outcome.err

    def test_a_damaged_record_is_passed_over(self, cli: Cli, made: Outcome, story: Path) -> None:
        facts = json.loads((RUN / "run.json").read_text())
        (RUN / "run.json").write_text(json.dumps(facts | {"settings": ["nothing", "like it"]}))
        assert cli("run", RUN, "--json").json["changed_settings"] == {}


class TestDamage:
    @pytest.mark.parametrize(("file", "step"), [("shots/s02/frames/frames.safetensors", "shots/s02/frames"), ("film.mp4", "film.mp4")])
    def test_is_told(self, cli: Cli, made: Outcome, file: str, step: str) -> None:
        whole = (RUN / file).read_bytes()
        (RUN / file).write_bytes(whole[:-9] + bytes(9))
        outcome = cli("run", RUN)
        assert f"damaged, and made again: {step}" in outcome.out
        assert (RUN / file).read_bytes() == whole
        assert step in (RUN / "report.html").read_text().split("Damaged, and made again")[1]
        assert cli("run", RUN, "--json").json["mended"] == []

    def test_a_drawing_that_was_mended_was_drawn(self, cli: Cli, made: Outcome) -> None:
        (RUN / "shots/s02/frames/frames.safetensors").write_bytes(b"")
        facts = cli("run", RUN, "--json").json
        assert (facts["drawn"], facts["mended"]) == (["s02"], ["shots/s02/frames"])

    def test_a_take_comes_back_over_a_damaged_one(self, cli: Cli, made: Outcome) -> None:
        film = (RUN / "film.mp4").read_bytes()
        assert cli("shot", "redo", RUN, "s02").code == 0
        assert cli("run", RUN).code == 0
        (RUN / "shots/s02/frames/frames.safetensors").write_bytes(b"")
        assert cli("shot", "choose", RUN, "s02", "1").code == 0
        assert cli("run", RUN, "--json").json["drawn"] == []
        assert (RUN / "film.mp4").read_bytes() == film

    def test_what_a_run_looks_at_before_is_no_drawings_bytes(self, made: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[Path] = []
        monkeypatch.setattr("storyanim.engine.folders.file_key", lambda path: read.append(path) or "")
        with RunDir(RUN, beside=True) as run:
            assert len(keys_of_drawings(run, "shots/s02")) == 1
        assert read == []


def test_a_report_while_it_is_drawn(cli: Cli, made: Outcome) -> None:
    (RUN / "shots/s02/clip/done.json").unlink()
    with RunDir(RUN):
        outcome = cli("report", RUN)
        assert outcome.code == 0
        assert "2 of 3 shots were there" in (RUN / "report.html").read_text()
        assert cli("shot", "redo", RUN, "s01").code == 2
    assert cli("run", RUN).code == 0
    assert "was being drawn" not in (RUN / "report.html").read_text()
