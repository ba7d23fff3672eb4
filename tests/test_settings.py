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
    ("[generate]\nnum_frames = 0", "setting generate.num_frames: it should be greater than or equal to 1"),
    ('[models]\nstructure = "depth"', "setting models: no structure is called 'depth'; known are t2i_adapter, controlnet"),
])
def test_in_the_words_of_the_file(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'extends = "sd15"\n{text}\n')
    with pytest.raises(UsageError) as caught:
        load_settings(str(file))
    assert caught.value.message == told
    assert caught.value.hint


@pytest.mark.parametrize(("name", "told"), [("none.toml", "No such file"), ("sd51", "unknown profile"), ("folder.toml", "directory")])
def test_profiles_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UsageError, match=told):
        load_settings(name)
