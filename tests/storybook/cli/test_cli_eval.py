"""`python -m storybook eval` on a tiny real family with a tiny judge, all of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Cli
from tiny_judge import save_judge

KEYS = {"creature", "colour", "accessory", "scene", "action", "all", "frechet", "frechet_floor", "flicker", "seconds_a_shot"}
SHARES = ("creature", "colour", "accessory", "scene", "action", "all")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_judge(tmp_path_factory.mktemp("tiny") / "judge")


def drawn(folder: Path) -> list[str]:
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [event["step"] for event in events if event["event"] == "done"]


def test_storybook(cli: Cli, here: Path, profile: Path, judge: Path) -> None:
    asked = ("eval", "storybook", "--profile", profile, "--judge", judge, "--prompts", 3, "--guided", 2, "--json", "-o", "out")
    outcome = cli(*asked)
    assert outcome.code == 0, outcome.err
    assert set(outcome.json) == KEYS | {"structure", "seams", "pairs", "camera", "frames", "kinds", "actions", "scenes"}
    assert all(0 <= share <= 1 for name in ("pairs", "camera") for share in outcome.json[name].values())
    assert set(outcome.json["structure"]) == KEYS
    for scores in (outcome.json, outcome.json["structure"]):
        assert all(0 <= scores[name] <= 1 for name in SHARES)
        assert min(scores["frechet"], scores["frechet_floor"], scores["flicker"], scores["seconds_a_shot"]) > 0
    assert json.loads((here / "out/eval.json").read_text()) == outcome.json
    assert (here / "out/sheet.png").read_bytes().startswith(b"\x89PNG")
    table = (here / "out/table.md").read_text()
    assert "text only (3 prompts)" in table
    assert f"| right creature | {100 * outcome.json['creature']:.1f} % |" in table
    assert drawn(here / "out") == ["text/s01", "text/s02", "text/s03", "structure/s01", "structure/s02",
                                   *(f"{kind}/s0{number}" for kind in ("long", "pairs", "camera") for number in (1, 2, 3))]

    # Again: nothing is drawn, the same is found.
    assert cli(*asked).json == outcome.json
    assert len(drawn(here / "out")) == 14


def test_structure(cli: Cli, here: Path, profile: Path, judge: Path) -> None:
    asked = ("eval", "structure", "--profile", profile, "--judge", judge, "--clips", 2, "--shots", 1, "-o", "out")
    outcome = cli(*asked, "--json")
    assert outcome.code == 0, outcome.err
    found = outcome.json
    assert set(found["fvd"]) == {"text", "text_depth"}
    assert min(*found["fvd"].values(), found["fvd_floor"]) > 0
    assert [at for at, _ in found["curve"]] == [0, 0.1, 0.2, 0.4, 0.6, 0.8, 1]
    assert [at for at, _ in found["creature_curve"]] == [at for at, _ in found["curve"]]
    assert [at for at, _ in found["rescaled"]] == [at for at, _ in found["rescaled_creature"]] == [0.25, 0.5, 0.75]
    assert all(-1 <= value <= 1 for _, value in found["curve"] + found["rescaled"])
    assert json.loads((here / "out/eval.json").read_text()) == found
    assert (here / "out/sheet.png").read_bytes().startswith(b"\x89PNG")
    # The ends of the curve are among the clips of the distances: 2 + 2, five points between them, three scales.
    assert len(drawn(here / "out")) == 2 * 2 + 5 + 3
    people = cli(*asked)
    assert "| clamped control_guidance_end 0.4 |" not in people.out
    assert "| control_guidance_end 0.4 | " in people.out
    assert "out/sheet.png" in people.out


def test_regions(cli: Cli, here: Path, profile: Path, judge: Path) -> None:
    asked = ("eval", "regions", "--profile", profile, "--judge", judge, "--pairs", 1, "--triples", 1, "--events", 1,
             "--learned-pairs", 0, "--json", "-o", "out")
    outcome = cli(*asked)
    assert outcome.code == 0, outcome.err
    assert set(outcome.json) == {"pairs", "triples", "events"}
    for arms in outcome.json.values():
        assert set(arms) == {"plain", "regions", "ceiling"}
        for scores in arms.values():
            assert {"kind", "colour", "action", "all"} < set(scores)
            low, high = scores["all_interval"]
            assert 0 <= low <= scores["all"] <= high <= 1
    assert json.loads((here / "out/eval.json").read_text()) == outcome.json
    assert all((here / f"out/{name}.png").read_bytes().startswith(b"\x89PNG") for name in outcome.json)
    assert "| pairs, regions | " in (here / "out/table.md").read_text()
    arms_drawn = {name.partition("/")[0] for name in drawn(here / "out")}
    assert arms_drawn >= {f"{kind}-{arm}" for kind in ("pairs", "triples", "events") for arm in ("plain", "regions")}


@pytest.mark.parametrize("name", ["storybook", "structure", "retrieval", "regions"])
def test_what_is_wrong_is_told_before_anything_is_drawn(
    cli: Cli, here: Path, profile: Path, judge: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("eval", name, "--profile", profile)
    outcome = cli(*asked, "--judge", here / "none")
    assert outcome.code == 4
    assert "there is no judge" in outcome.complaint[0]
    assert "storybook train judge" in outcome.complaint[1]
    (here / "file").write_text("mine")
    assert cli(*asked, "--judge", judge, "-o", "file/below").code == 6
    assert cli(*asked, "--judge", judge, "-o", "file").code == 2
    monkeypatch.setenv("STORYANIM_GENERATE__WIDTH_PX", "128")
    outcome = cli(*asked, "--judge", judge)
    assert (outcome.code, "128x64" in outcome.complaint[0]) == (2, True)
    assert [path.name for path in here.rglob("*") if path.is_file()] == ["file"]


def test_retrieval(cli: Cli, here: Path, profile: Path, judge: Path, real_index: Path) -> None:
    asked = ("eval", "retrieval", "--profile", profile, "--judge", judge, "--index", real_index, "--clips", 5, "--queries", 4,
             "--wordings", 3, "--shots", 2, "--json", "-o", "out")
    outcome = cli(*asked)
    assert outcome.code == 0, outcome.err
    assert set(outcome.json) == {"recall", "motion_fit", "motion_fit_worded", "downstream"}
    assert list(outcome.json["recall"]) == ["clip", "words", "joined"]
    for found in outcome.json["recall"].values():
        assert set(found) == {"r1", "r5", "r10", "median_rank"}
        assert 0 <= found["r1"] <= found["r5"] == found["r10"] == 1
        assert 1 <= found["median_rank"] <= 5
    assert list(outcome.json["downstream"]) == ["retrieved", "random", "none"]
    fits = outcome.json["motion_fit"], outcome.json["motion_fit_worded"]
    assert all(0 <= share <= 1 for share in (*fits, *outcome.json["downstream"].values()))
    assert json.loads((here / "out/eval.json").read_text()) == outcome.json
    assert (here / "out/sheet.png").read_bytes().startswith(b"\x89PNG")
    assert "5 held-out clips" in (here / "out/table.md").read_text()
    steps = drawn(here / "out")
    shots = [f"{way}/s0{k}" for way in ("retrieved", "random", "none") for k in (1, 2)]
    assert [step for step in steps if step.count("/") == 1] == shots
    assert len(list((here / "out/footage/clips").glob("*.mp4"))) == 5

    # Again: nothing is rendered or drawn, the same is found.
    assert cli(*asked).json == outcome.json
    assert drawn(here / "out") == steps


def test_personalization(cli: Cli, here: Path, profile: Path, judge: Path, real_index: Path) -> None:
    asked = ("eval", "personalization", "--profile", profile, "--judge", judge, "--index", real_index, "--characters", 2,
             "--prompts", 2, "--seeds", 2, "--together", 2, "--shades", 1, "--ablations", "--without-words", "--json", "-o", "out")
    outcome = cli(*asked)
    assert outcome.code == 0, outcome.err
    methods = outcome.json["methods"]
    ablations = ["no_timeinv", "no_lora", "no_static_depth", "no_regularisation"]
    published = ["timeinv_lora", "textual_inversion", "dreambooth", "custom_diffusion"]
    assert list(methods) == [*published, *(f"without_words_{method}" for method in published), *ablations]
    for scores in (*methods.values(), outcome.json["words"], outcome.json["rendered"]):
        for name in ("semantic", "identity"):
            low, high = scores[f"{name}_interval"]
            assert 0 <= low <= scores[name] <= high <= 1
        assert -1 <= scores["clip_text"] <= 1
        assert -1 <= scores["clip_image"] <= 1
        assert 0 <= scores["colour_error"] <= 150
        assert scores["identity"] == pytest.approx((scores["creature"] + scores["colour"] + scores["accessory"]) / 3)
        assert scores["semantic"] == pytest.approx((scores["scene"] + scores["action"]) / 2)
    assert methods["dreambooth"]["bytes"] > methods["timeinv_lora"]["bytes"] > 0
    together = outcome.json["together"]
    assert together["shots"] == 2
    assert 0 <= together["both"] <= together["one"] <= 1
    shades = outcome.json["shades"]
    assert list(shades) == ["timeinv_lora", "textual_inversion", *ablations, "words"]
    for scores in shades.values():
        assert 0 <= scores["colour_error"] <= 150
        assert scores["semantic"] == pytest.approx((scores["scene"] + scores["action"]) / 2)
        assert not {"identity", "colour"} & set(scores)
    curve = [point["control_guidance_end"] for point in outcome.json["control_guidance_end"]]
    assert curve == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert json.loads((here / "out/eval.json").read_text()) == outcome.json
    for sheet in ("sheet.png", "shades.png"):
        assert (here / "out" / sheet).read_bytes().startswith(b"\x89PNG")
    table = (here / "out/table.md").read_text()
    assert "2 characters × 2 prompts × 2 seeds" in table
    assert "a colour without a name" in table
    steps = drawn(here / "out")
    assert sum(step.endswith("/learned") for step in steps) == 12 * 2 + 6
    assert sum("/s" in step and step.startswith("dreambooth") for step in steps) == 8

    # Again: nothing is learned or drawn, the same is found.
    assert cli(*asked).json == outcome.json
    assert drawn(here / "out") == steps
