"""`storyanim character` and `export character`, and what `personalize` and `run` tell of pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import Cli
from fakes import Diary
from family import save_pictures
from PIL import Image
from safetensors.numpy import load_file

from storyanim import hub
from storyanim.artifacts import CharacterToken
from storyanim.config import load_settings
from storyanim.engine.store import save_character_token

LAYER = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v"


def save_character(path: Path, *, base: str = "another", rows: int = 10, lora: bool = True) -> Path:
    rng = np.random.default_rng(0)
    halves = {f"{LAYER}.lora_A.weight": (4, 8), f"{LAYER}.lora_B.weight": (8, 4)} if lora else {}
    matrices = {key: rng.standard_normal(shape).astype(np.float32) for key, shape in halves.items()}
    table = rng.standard_normal((rows, 8)).astype(np.float32).repeat(10 // rows, axis=0)
    metadata = {"method": "timeinv+lora", "steps": "600", "loss": "0.25", "note": "[b]",
                "settings": '{"lora_rank": 4, "seed": 0}'}
    save_character_token(path, CharacterToken("bruno", "<bruno>", "bear", table, matrices, base, metadata))
    return path


def save_spoiled(folder: Path) -> Path:
    """Three good pictures, and of each kind of trouble one."""
    save_pictures(folder)
    with Image.open(folder / "1.png") as picture:
        picture.resize((72, 72)).save(folder / "small.jpg")
    Image.new("RGB", (90, 90), "white").save(folder / "white.png")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:90])
    tall = np.zeros((300, 100, 3), np.uint8)
    tall[10:70, 30:70] = 250
    Image.fromarray(tall).save(folder / "tall.png")
    return folder


class TestShow:
    def test_json_is_all_of_it(self, cli: Cli, here: Path, profile: Path) -> None:
        path = save_character(here / "bruno.safetensors", rows=5)
        outcome = cli("character", "show", path, "--profile", profile, "--json")
        assert outcome.code == 0, outcome.err
        assert outcome.json == {
            "file": str(path), "bytes": path.stat().st_size, "format": 1, "name": "bruno", "token": "<bruno>", "noun": "bear",
            "base": "another", "appearance": None, "method": "timeinv+lora", "version": None, "steps": 600,
            "chosen_step": None, "pictures": None, "class_clips": None,
            "settings": {"lora_rank": 4, "seed": 0}, "fingerprint": None, "table": {"shape": [10, 8], "different_rows": 5},
            "lora": {"rank": 4, "modules": [LAYER.removeprefix("unet.")]},
            "metrics": {"loss": 0.25, "note": "[b]"},
            "profile": str(profile), "fits": False,
        }
        assert outcome.err == ""

    def test_people_get_a_table(self, cli: Cli, here: Path, profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        path = save_character(here / "bruno.safetensors", base="f" * 64)
        lines = cli("character", "show", path, "--profile", profile).out.splitlines()
        assert max(map(len, lines)) <= 60
        text = " ".join(" ".join(lines).split())
        for words in ("name bruno", "token <bruno>", "steps 600", "settings lora_rank 4", "table shape 10 x 8", "lora rank 4",
                      "1: attn2.to_v of mid_block.attentions.0", "metrics loss 0.25", "metrics note [b]",
                      "fits no, it was learned"):
            assert words in text
        assert "f" * 64 in "".join(lines).replace(" ", "")

    def test_in_a_pipe_a_line_tells_one_fact(self, cli: Cli, here: Path, profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("COLUMNS", raising=False)
        path = here / f"{'long' * 40}.safetensors"
        settings = json.dumps({"initializer_words": ["red", "blue"]})
        said = {"settings": settings, "method": "timeinv"}
        save_character_token(path, CharacterToken("b", "<b>", "bear", np.zeros((10, 8), np.float32), {}, "x", said))
        told = dict(line.split("  ", 1) for line in cli("character", "show", path, "--profile", profile).out.splitlines())
        assert told["file"].strip() == str(path)
        assert told["settings initializer_words"].strip() == "red, blue"
        assert told["lora modules"].strip() == "none"

    def test_curves_and_figures_of_the_report_are_metrics(self, cli: Cli, here: Path, profile: Path) -> None:
        table = np.zeros((10, 8), np.float32)
        said = {"likeness": "0.8123", "held_out_curve": "[[0, 0.5], [300, 0.25]]", "loss_curve": "[]", "chosen_step": "300"}
        save_character_token(here / "b.safetensors", CharacterToken("b", "<b>", "bear", table, {}, "x", said))
        facts = cli("character", "show", "b.safetensors", "--profile", profile, "--json").json
        assert facts["metrics"] == {"likeness": 0.8123, "held_out_curve": [[0, 0.5], [300, 0.25]], "loss_curve": []}
        assert facts["chosen_step"] == 300
        text = " ".join(cli("character", "show", "b.safetensors", "--profile", profile).out.split())
        assert "metrics held_out_curve 0: 0.5, 300: 0.25 " in text

    def test_it_tells_whether_it_fits_a_profile(self, cli: Cli, here: Path, profile: Path) -> None:
        base = hub.fingerprint(load_settings(str(profile)).models.pipeline)
        path = save_character(here / "bruno.safetensors", base=base, lora=False)
        assert cli("character", "show", path, "--profile", profile, "--json").json["fits"] is True
        assert cli("character", "show", path, "--profile", profile).out.split()[-2:] == ["fits", "yes"]
        assert cli("character", "show", path, "--json").json["profile"] == "storybook"

    def test_a_profile_whose_model_is_missing(self, cli: Cli, here: Path, profile: Path) -> None:
        (here / "lost.toml").write_text(profile.read_text().replace("/pipeline", "/lost"))
        path = save_character(here / "bruno.safetensors")
        assert cli("character", "show", path, "--profile", "lost.toml", "--json").json["fits"] is None
        assert "unknown" in cli("character", "show", path, "--profile", "lost.toml").out

    @pytest.mark.parametrize("data", [None, b"", b"nonsense"])
    def test_what_is_no_character(self, cli: Cli, here: Path, data: bytes | None) -> None:
        if data is not None:
            (here / "x.safetensors").write_bytes(data)
        for command in (("character", "show"), ("export", "character", "--format", "diffusers-lora", "-o", "y.safetensors")):
            outcome = cli(*command, "x.safetensors")
            assert (outcome.code, outcome.out) == (4, "")
            assert "x.safetensors" in outcome.complaint[0]
        assert not (here / "y.safetensors").exists()


class TestExport:
    def export(self, cli: Cli, here: Path, form: str, *flags: str, **made: object) -> object:
        save_character(here / "bruno.safetensors", **made)  # type: ignore[arg-type]
        return cli("export", "character", "bruno.safetensors", "--format", form, "-o", "out/bruno.safetensors", *flags)

    def test_the_lora(self, cli: Cli, here: Path) -> None:
        outcome = self.export(cli, here, "diffusers-lora")
        assert outcome.code == 0
        assert "left out: the table" in outcome.out
        assert set(load_file(here / "out/bruno.safetensors")) == {f"{LAYER}.lora_A.weight", f"{LAYER}.lora_B.weight"}

    def test_the_mean_of_the_table_and_what_it_loses(self, cli: Cli, here: Path) -> None:
        outcome = self.export(cli, here, "ti-embedding", "--collapse", "--json")
        facts = outcome.json
        assert (facts["token"], facts["collapse"]["rows"]) == ("<bruno>", 10)
        assert 0 < facts["collapse"]["mean"] < facts["collapse"]["largest"]
        assert set(load_file(here / "out/bruno.safetensors")) == {"<bruno>"}
        told = self.export(cli, here, "ti-embedding", "--collapse").out
        assert f"{100 * facts['collapse']['largest']:.1f} % at most" in told
        assert "the LoRA, and how 10 rows differ" in told

    def test_a_table_of_equal_rows_needs_no_collapse(self, cli: Cli, here: Path) -> None:
        assert "left out: nothing" in self.export(cli, here, "ti-embedding", rows=1, lora=False).out

    @pytest.mark.parametrize(("form", "made", "word"), [
        ("ti-embedding", {}, "10 different rows"), ("diffusers-lora", {"lora": False}, "no LoRA"),
    ])
    def test_what_the_character_lacks_is_a_usage_error(
        self, cli: Cli, here: Path, form: str, made: dict[str, object], word: str
    ) -> None:
        outcome = self.export(cli, here, form, **made)
        assert (outcome.code, outcome.out) == (2, "")
        assert word in outcome.complaint[0]
        assert not (here / "out").exists()

    def test_the_character_itself_is_not_overwritten(self, cli: Cli, here: Path) -> None:
        path = save_character(here / "bruno.safetensors")
        before = path.read_bytes()
        outcome = cli("export", "character", path, "--format", "diffusers-lora", "-o", here / "." / "bruno.safetensors")
        assert outcome.code == 2
        assert path.read_bytes() == before

    def test_a_place_that_cannot_be_written(self, cli: Cli, here: Path) -> None:
        save_character(here / "bruno.safetensors")
        (here / "file").touch()
        outcome = cli("export", "character", "bruno.safetensors", "--format", "diffusers-lora", "-o", "file/x.safetensors")
        assert outcome.code == 6


class TestRun:
    def test_a_character_of_another_base_is_refused_before_any_work(
        self, cli: Cli, story: Path, diary: Diary, here: Path, profile: Path
    ) -> None:
        save_character(here / "bruno.safetensors")
        outcome = cli("run", story, "--character", "bruno.safetensors", "--profile", profile)
        assert outcome.code == 4
        assert f"another base model than that of the profile {profile}" in outcome.complaint[0]
        assert diary.read() == []
        assert not (here / "runs").exists()

    def test_what_is_wrong_with_pictures_is_told(
        self, cli: Cli, story: Path, diary: Diary, here: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        outcome = cli("run", story, "--character", save_spoiled(here / "bear"), "--json")
        assert outcome.code == 0, outcome.err
        found = outcome.json["pictures"]["bear"]
        assert found["problems"] == {"cut.png": "it is damaged or cut off", "white.png": "it shows nothing but one colour"}
        assert len(found["warnings"]) == 2
        assert "leaves out 100 % of the figure" in found["warnings"]["tall.png"]
        for file in (*found["problems"], *found["warnings"]):
            assert file in caplog.text
        again = cli("run", story, "--character", here / "bear", "--json")
        assert set(again.json["pictures"]["bear"]["problems"]) == set(found["problems"])


def test_personalize_tells_what_is_wrong_with_pictures(
    cli: Cli, diary: Diary, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_spoiled(here / "bear")
    outcome = cli("personalize", folder, "-o", "bear.safetensors", "--json")
    assert outcome.code == 0, outcome.err
    assert set(outcome.json["problems"]) == {"cut.png", "white.png"}
    assert "tall.png" in outcome.json["warnings"]
    assert len(outcome.json["warnings"]) == 2
    assert all(file in caplog.text for file in ("cut.png", "white.png", "tall.png"))
    told = cli("personalize", folder, "-o", "bear.safetensors", "--no-report").out
    assert "white.png: not used, it shows nothing but one colour" in told
    assert "tall.png: its middle" in told
