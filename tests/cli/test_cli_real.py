"""The whole command line on a tiny real family: real retrieval, depth, learning and diffusion, with random weights."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import Cli
from family import save_pictures
from tolerance import SCORE

from storyanim import video
from storyanim.artifacts import Frames
from storyanim.engine.store import load_character_token

TALE = "# A bear\n\nA bear runs in the forest. A green frog jumps. The bear sleeps.\n"


@pytest.fixture
def tale(here: Path) -> Path:
    path = here / "tale.txt"
    path.write_text(TALE)
    return path


def drawn(run: Path, shot: str) -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(run / "shots" / shot / "frames" / "frames.safetensors")["rgb"]


def test_story_and_pictures_to_film(cli: Cli, tale: Path, profile: Path, real_index: Path, here: Path) -> None:
    pictures = save_pictures(here / "bear")
    asked = ("run", tale, "--character", pictures, "--profile", profile, "--index", real_index, "--out", "film")
    outcome = cli(*asked, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["drawn"] == ["s01", "s02", "s03"]
    info = video.probe(here / "film/film.mp4")
    assert (info.width_px, info.height_px) == (64, 64)
    assert info.duration_s == pytest.approx(outcome.json["duration_s"], abs=0.05)
    assert "learning bear" in outcome.err
    noise = [line for line in outcome.err.splitlines() if not line.startswith(("film: ", "the model reads"))
             and "came out" not in line]             # as random networks draw
    assert noise == []                               # none of the libraries' bars and remarks
    assert np.ptp(drawn(Path("film"), "s01")) > 0
    assert {path.name for path in (here / "film/characters/bear").iterdir()} >= {"character.safetensors", "done.json"}

    # Again: nothing. With another character's noun: only what it plays in.
    film = (here / "film/film.mp4").read_bytes()
    assert cli(*asked, "--json").json["drawn"] == []
    assert (here / "film/film.mp4").read_bytes() == film
    # In a fresh folder: the same bytes.
    assert cli(*asked[:-1], "again").code == 0
    assert (here / "again/film.mp4").read_bytes() == film


def test_a_character_file_draws_what_its_folder_does(cli: Cli, tale: Path, profile: Path, real_index: Path, here: Path) -> None:
    pictures = save_pictures(here / "bear")
    family = ("--profile", profile, "--index", real_index)
    outcome = cli("personalize", pictures, "-o", "out/bear.safetensors", *family, "--json")
    assert outcome.code == 0, outcome.err
    assert (outcome.json["token"], outcome.json["noun"], outcome.json["pictures"]) == ("<bear>", "bear", "3")
    assert (here / "out/bear.png").read_bytes().startswith(b"\x89PNG")
    figures, token = json.loads((here / "out/bear.report.json").read_text()), load_character_token(here / "out/bear.safetensors")
    assert token.lora
    assert (figures["steps"], figures["chosen_step"]) == (2, int(token.metadata["chosen_step"]))
    assert float(token.metadata["likeness"]) == pytest.approx(figures["likeness_after"], abs=1e-4)
    assert len(figures["prompts"]) == len(figures["scenes"]["prompts"]) == 4
    page = (here / "out/bear.report.html").read_text()
    assert page.count("data:image/webp;base64,") == 3 + 4 * 4
    assert 'src="out' not in page
    plain = cli("personalize", pictures, "-o", "plain/bear.safetensors", *family, "--no-report")
    assert plain.code == 0
    assert [path.name for path in (here / "plain").iterdir()] == ["bear.safetensors"]
    assert np.array_equal(load_character_token(here / "plain/bear.safetensors").table, token.table)
    for name, given in (("by-file", "out/bear.safetensors"), ("by-folder", pictures)):
        assert cli("run", tale, "--character", given, *family, "--out", name).code == 0
    assert np.array_equal(drawn(here / "by-file", "s01"), drawn(here / "by-folder", "s01"))
    assert cli("run", tale, *family, "--out", "without").code == 0
    assert not np.array_equal(drawn(here / "without", "s01"), drawn(here / "by-file", "s01"))
    assert np.array_equal(drawn(here / "without", "s02"), drawn(here / "by-file", "s02"))


def test_two_characters_play_in_one_film(cli: Cli, here: Path, profile: Path, real_index: Path) -> None:
    """Each has its own weights in its own shots, on one base, and the report says who is who."""
    family = ("--profile", profile, "--index", real_index)
    bear, pip = save_pictures(here / "bear"), save_pictures(here / "pip", count=4)
    cast = ("--character", bear, "--character", f"{pip}=frog")
    (here / "two.txt").write_text("A bear runs. A frog jumps. A bear sleeps.")
    assert cli("plan", "two.txt", *cast, "--profile", profile, "-o", "board.yaml").code == 0
    board = yaml.safe_load((here / "board.yaml").read_text())
    first, *_, last = board["shots"]
    last |= {"characters": ["bear", "pip"], "prompt": "a <bear> bear sees a <pip> frog"}
    (here / "board.yaml").write_text(yaml.safe_dump(board, sort_keys=False))
    outcome = cli("run", "board.yaml", *cast, *family, "--out", "both")
    assert outcome.code == 0, outcome.err
    # The bear's own shot is the same bytes as in a film in which nobody else plays.
    alone = board | {"characters": board["characters"][:1], "shots": [first]}
    (here / "alone.yaml").write_text(yaml.safe_dump(alone, sort_keys=False))
    assert cli("run", "alone.yaml", *cast[:2], *family, "--out", "alone").code == 0
    assert np.array_equal(drawn(here / "both", "s01"), drawn(here / "alone", "s01"))
    page = " ".join(re.sub("<[^>]*>", " ", (here / "both/report.html").read_text()).split())
    assert "&lt;bear&gt; bear bear, folder bear timeinv+lora, 3 pictures s01 , s03" in page
    assert "&lt;pip&gt; frog pip, folder pip timeinv+lora, 4 pictures s02 , s03" in page
    assert "bear as &lt;bear&gt;, pip as &lt;pip&gt;" in page


def test_control_guidance_end_changes_the_drawing(
    cli: Cli, here: Path, profile: Path, real_index: Path
) -> None:
    (here / "one.txt").write_text("A bear runs.")
    asked = ("run", "one.txt", "--profile", profile, "--index", real_index, "--out")
    assert cli(*asked, "with").code == 0
    assert cli(*asked, "without", "--control-guidance-end", "0").code == 0
    assert not np.array_equal(drawn(here / "with", "s01"), drawn(here / "without", "s01"))


class TestIndex:
    def test_it_is_made_told_and_searched(self, cli: Cli, videos: Path, profile: Path, here: Path) -> None:
        made = cli("index", videos, "-o", "index", "--profile", profile, "--json")
        assert made.code == 0, made.err
        assert (made.json["clips"], made.json["videos"], made.json["skipped"]) == (6, 4, {})
        assert all(line.startswith("index: ") for line in made.err.splitlines())
        told = cli("index-info", "index", "--json")
        assert told.json == made.json
        found = cli("search", "index", "a frog", "-k", 2, "--profile", profile, "--sheet", "hits/frog.png", "--json")
        assert found.code == 0, found.err
        assert len(found.json) == 2
        assert any("frog" in hit["caption"] for hit in found.json)
        assert (here / "hits/frog.png").read_bytes().startswith(b"\x89PNG")
        assert found.err == ""

    def test_another_kind_searched_with_filters(self, cli: Cli, videos: Path, profile: Path, here: Path) -> None:
        family = ("--profile", profile)
        made = cli("index", videos, "-o", "index", "--index-factory", "HNSW32", *family, "--json")
        assert made.code == 0, made.err
        assert (made.json["index_factory"], made.json["search_parameters"]) == ("HNSW32", {"efSearch": 512})
        asked = ("search", "index", "a frog", *family, "--json")
        exact, found = cli(*asked, "--exact").json, cli(*asked).json
        assert [hit | {"score": 0} for hit in exact] == [hit | {"score": 0} for hit in found]
        assert [hit["score"] for hit in exact] == pytest.approx([hit["score"] for hit in found], abs=SCORE)
        few = cli(*asked, "--filter", "duration>=2", "--filter", "motion>0.002").json
        assert {Path(hit["path"]).stem for hit in few} == {"green_frog", "it's blue ü", "red bear runs"}
        assert all(hit["end_s"] - hit["start_s"] >= 2 for hit in few)
        lost = cli(*asked, "--filter", "licence=CC0")
        assert lost.code == 4
        assert "knows no licences" in lost.complaint[0]
        assert cli("index", videos, "-o", "other", "--index-factory", "nonsense", *family).code == 2
        assert not (here / "other").exists()

    def test_unreadable_videos_are_listed_and_skipped(self, cli: Cli, videos: Path, profile: Path, here: Path) -> None:
        broken = shutil.copytree(videos, here / "info") / "broken.mp4"   # no word of the command line is a folder's
        broken.write_bytes(b"no video")
        outcome = cli("index", "info", "-o", "index", "--profile", profile, "--json")
        assert outcome.code == 3
        assert list(outcome.json["skipped"]) == ["broken.mp4"]
        assert "failed: broken.mp4" in outcome.err
        assert outcome.complaint[0].startswith("1 of 5 videos")
        assert cli("index-info", "index").code == 0

    def test_an_archive_is_added_and_its_footage_used(self, cli: Cli, videos: Path, profile: Path, here: Path) -> None:
        (here / "shards").mkdir()
        with tarfile.open(here / "shards" / "0.tar", "w") as tar:
            tar.add(videos / "more" / "green_frog.mp4", "frog.mp4")
        family = ("--profile", profile)
        assert cli("index", videos / "still.mp4", "-o", "index", *family).code == 0
        added = cli("index", "shards/0.tar", "-o", "index", "--append", *family, "--json")
        assert added.code == 0, added.err
        assert (added.json["clips"], added.json["videos"]) == (2, 2)
        (here / "one.txt").write_text("A frog jumps.")
        assert cli("run", "one.txt", *family, "--index", "index", "--out", "run").code == 0
        said = "".join(path.read_text() for path in (here / "run/shots/s01/match").glob("*.json"))
        assert "shards/0.tar/frog.mp4" in said

    def test_a_single_video_with_captions(self, cli: Cli, profile: Path, here: Path) -> None:
        rgb = np.random.default_rng(0).integers(0, 255, (20, 32, 32, 3), dtype=np.uint8)
        video.write(Frames(rgb, 10), here / "one.mp4", width_px=32, height_px=32, fps=10)
        (here / "words.csv").write_text("file,caption\none.mp4,noise of old televisions\n")
        assert cli("index", "one.mp4", "-o", "index", "--captions", "words.csv", "--profile", profile).code == 0
        (hit,) = cli("search", "index", "televisions", "--profile", profile, "--json").json
        assert hit["caption"] == "noise of old televisions"


class TestDoctor:
    def test_it_tells_of_machine_and_models(self, cli: Cli, profile: Path) -> None:
        facts = cli("doctor", "--profile", profile, "--json").json
        assert facts["torch"][0].isdigit()
        assert "ffmpeg" in facts["ffmpeg"]
        assert not facts["model pipeline"].startswith("missing")

    def test_it_tells_what_is_missing(self, cli: Cli, here: Path, profile: Path) -> None:
        (here / "lost.toml").write_text(profile.read_text().replace("/depth", "/lost"))
        outcome = cli("doctor", "--profile", "lost.toml")
        assert outcome.code == 0
        assert "model depth: missing: " in outcome.out

    def test_it_tells_of_files_that_a_person_brings(self, cli: Cli, here: Path, profile: Path) -> None:
        (here / "style.safetensors").write_bytes(b"weights")
        brought = 'loras = [{ file = "style.safetensors", weight = 0.5 }]\nbase = { file = "lost.safetensors" }\n'
        (here / "own.toml").write_text(profile.read_text().replace("[models]\n", f"[models]\n{brought}", 1))
        facts = cli("doctor", "--profile", "own.toml", "--json").json
        assert facts["model loras style.safetensors"].endswith(", weight 0.5")
        assert facts["model base lost.safetensors"].startswith("missing: there is no file")
        assert facts["smoke run"].startswith("not tried")


def test_settings_come_from_the_working_folder(cli: Cli, here: Path, profile: Path, real_index: Path) -> None:
    (here / "one.txt").write_text("A bear runs.")
    (here / "storyanim.toml").write_text("[film]\nwidth_px = 96\n")
    assert cli("run", "one.txt", "--profile", profile, "--index", real_index, "--out", "run").code == 0
    assert video.probe(here / "run/film.mp4").width_px == 96
    assert json.loads((here / "run/run.json").read_text())["settings"]["film"]["width_px"] == 96
