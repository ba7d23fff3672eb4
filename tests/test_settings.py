"""What is said of profiles and settings that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyanim.config import load_settings
from storyanim.errors import UsageError


@pytest.mark.parametrize(("text", "told"), [
    ("[generat]", "there is no setting generat; did you mean generate?"),
    ("[generate]\nnum_frame = 4", "there is no setting generate.num_frame; did you mean num_frames?"),
    ("[models]\nlora = []", "there is no setting models.lora; did you mean loras?"),
    ('[models]\ndepth = { repo = "a", revison = "b" }', "there is no setting models.depth.revison; did you mean revision?"),
    ('[models]\nloras = [{ file = "a", wieght = 1 }]', "there is no setting models.loras.0.wieght; did you mean weight?"),
    ("[generate]\nxyzzy = 4", "there is no setting generate.xyzzy"),
    ('[models]\nloras = [{ repo = "a/b" }]', "the setting models.loras.0.file is missing"),
    ('[models]\nloras = "a.safetensors"', "setting models.loras: it should be a list, as [...]"),
    ('[models]\nloras = ["a.safetensors"]', "setting models.loras.0: it should be a table, as { file = ... }"),
    ('[models]\ndepth = "a/b"', "setting models.depth: it should be a table, as { repo = ... }"),
    ('[models]\nloras = [{ file = "a", weight = nan }]', "setting models.loras.0.weight: it should be a finite number"),
    ("[generate]\nnum_frames = 0", "setting generate.num_frames: it should be greater than or equal to 1"),
    ("draw_sizes = [64, 64]", "setting draw_sizes.0: it should be a list, as [...]"),
    ("[quality_settings.best.generate]\nnum_frames = 4", "FILE has settings of the quality 'best', which there is not"),
    ('[models]\nembeddings = [{ file = "a/bad.pt" }, { file = "bad.safetensors" }]',
     "setting models: two of the embeddings are called <bad>: give one of the files another name"),
    ('[models]\nvae = { subfolder = "vae" }', "the setting models.vae.repo is missing"),
    ('[models]\nstructure = "depth"', "setting models: no structure is called 'depth'; known are t2i_adapter, controlnet"),
])
def test_in_the_words_of_the_file(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'extends = "sd15"\n{text}\n')
    with pytest.raises(UsageError) as caught:
        load_settings(str(file))
    assert caught.value.message == told.replace("FILE", str(file))
    assert caught.value.hint


@pytest.mark.parametrize(("name", "told"), [("none.toml", "No such file"), ("sd51", "unknown profile"), ("folder.toml", "directory")])
def test_profiles_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UsageError, match=told):
        load_settings(name)


def test_a_name_without_its_suffix_and_paths_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.toml").write_text('extends = "sd15"\n[models]\nbase = { file = "C:\\Users\\me" }\n')
    for name, hint in (("own", "own.toml, which is there"), ("own.toml", "with /")):
        with pytest.raises(UsageError) as caught:
            load_settings(name)
        assert hint in str(caught.value.hint)


def test_a_model_that_is_named_keeps_nothing_of_the_one_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The few-step profile names a file of a repository, which no other repository has."""
    monkeypatch.chdir(tmp_path)
    for name in ("v3.ckpt", "vae.pt"):
        Path(name).touch()
    own = tmp_path / "own.toml"

    def adapter(text: str) -> tuple[str, str, str]:
        own.write_text(f'extends = "sd15-lightning"\n[models]\n{text}\n')
        models = load_settings(str(own)).models
        assert models.motion_adapter is not None
        return models.motion_adapter.repo, models.motion_adapter.file, models.motion_adapter.revision

    lightning = adapter("")
    assert adapter('motion_adapter = { repo = "a/b" }') == ("a/b", "", "main")
    assert adapter('motion_adapter = { file = "v3.ckpt" }') == (str(tmp_path / "v3.ckpt"), "", "main")
    assert adapter('motion_adapter = { file = "8step.safetensors" }') == (lightning[0], "8step.safetensors", "main")
    assert adapter('motion_adapter = { revision = "abc" }') == (*lightning[:2], "abc")
    Path("storyanim.toml").write_text('[models]\nmotion_adapter = { repo = "c/d" }\nvae = { file = "vae.pt" }\n')
    assert adapter("") == ("c/d", "", "main")
    assert load_settings(str(own)).models.vae is not None
    assert load_settings(str(own)).models.vae.folder == Path("vae.pt")            # type: ignore[union-attr]


def test_what_lies_beside_the_profile_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "my models", tmp_path / "elsewhere"
    for folder in (home / "base", home / "controlnet", elsewhere / "here"):
        folder.mkdir(parents=True)
    for name in ("style.safetensors", "v3.ckpt", "tune.mp3"):
        (home / name).touch()
    (home / "own.toml").write_text(
        '\ufeffextends = "sd15"\n[models]\npipeline = { repo = "./base" }\nstructure = "controlnet"\ndepth = { repo = "here" }\n'
        'loras = [{ file = "style.safetensors" }, { repo = "a/b", file = "v3.ckpt" }, { file = "not-there" }]\n'
        '[sound]\nmusic = "tune.mp3"\n', "utf-8")
    monkeypatch.chdir(elsewhere)
    settings = load_settings("../my models/own.toml")
    models = settings.models
    assert models.pipeline.folder == home / "base"
    assert models.structure == models.structures["controlnet"]       # a word, and no folder
    assert [ref.file for ref in models.loras] == [str(home / "style.safetensors"), "v3.ckpt", "not-there"]
    assert models.encoder.repo == load_settings("sd15").models.encoder.repo
    assert models.depth.repo == "here"                               # of the working folder
    assert settings.sound.music == str(home / "tune.mp3")


def test_the_home_folder_and_environment_variables_in_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("home/base", "disk/depth"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "own.toml").write_text(
        'extends = "sd15"\n[models]\npipeline = { repo = "~/base" }\ndepth = { repo = "$DISK/depth" }\n'
        'loras = [{ file = "${DISK}/style.safetensors" }, { repo = "a/b", file = "$v3.ckpt" }]\n[sound]\nmusic = "~/tune.mp3"\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DISK", str(tmp_path / "disk"))
    settings = load_settings(str(tmp_path / "own.toml"))
    assert settings.models.pipeline.folder == tmp_path / "home" / "base"
    assert settings.models.depth.folder == tmp_path / "disk" / "depth"
    assert [ref.file for ref in settings.models.loras] == [f"{tmp_path}/disk/style.safetensors", "$v3.ckpt"]   # the hub's own name
    assert settings.sound.music == str(tmp_path / "home" / "tune.mp3")
    monkeypatch.delenv("DISK")
    with pytest.raises(UsageError, match="environment variable DISK, which is not set") as caught:
        load_settings(str(tmp_path / "own.toml"))
    assert "DISK=" in caught.value.hint
