"""Repositories of a hub to this disk: commits, broken downloads, no network, every failure."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.constants
import pytest
import tiny
import torch
from diffusers import UNet2DConditionModel
from published import BASE, DEPTH, ENCODER, MOTION
from small_hub import SmallHub

from storyanim import hub
from storyanim.config import FileRef, ModelRef, load_settings
from storyanim.errors import ModelError, ResourceError, ServiceError
from storyanim.hub import client
from storyanim.run.models import commits_of, ready_settings

WITHIN_S = 15


def fetched(ref: ModelRef) -> ModelRef:
    bound = hub.resolve(ref)
    hub.fetch(hub.plan_downloads({"model": bound}))
    return bound


def test_only_what_is_needed_is_fetched(small_hub: SmallHub) -> None:
    fetched(ModelRef(repo=BASE))
    assert {"text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"} == {
        name.split(" ")[1] for name in small_hub.files() if name.endswith((".safetensors", ".bin"))}


@pytest.mark.parametrize("layout", ["safetensors", "bin", "shards"])
def test_half_precision_is_fetched_where_there_is_nothing_else(small_hub: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    small_hub.root = tmp_path
    folder = tmp_path / "someone" / "half"
    tiny.unet_2d().half().save_pretrained(folder, variant="fp16", safe_serialization=layout != "bin",
                                          max_shard_size="60KB" if layout == "shards" else "1GB")
    bound = fetched(ModelRef(repo="someone/half"))
    assert {name.split(" ")[1] for name in small_hub.files()} == {path.name for path in folder.iterdir()}
    assert hub.load_network(UNet2DConditionModel, bound).dtype == torch.float32

    monkeypatch.setenv("STORYANIM_CACHE", str(tmp_path / "empty"))               # by its looks
    assert hub.is_on_disk(bound)
    next(path for path in hub.locate(bound).iterdir() if ".fp16" in path.name and path.suffix != ".json").unlink()
    assert not hub.is_on_disk(bound)


def test_one_file_of_a_repository(small_hub: SmallHub) -> None:
    file = ModelRef(repo=MOTION, file="diffusion_pytorch_model.safetensors")
    bound = fetched(file)
    assert {name.split(" ")[1] for name in small_hub.files()} == {"config.json", "diffusion_pytorch_model.safetensors"}
    assert hub.locate(bound).is_file()
    assert hub.locate_file(FileRef(repo=MOTION, file=file.file, revision=bound.revision)) == hub.locate(bound)
    with pytest.raises(ModelError, match="has no file"):
        fetched(ModelRef(repo=MOTION, file="v3.ckpt"))


def test_files_of_a_profile_are_fetched_and_bound(small_hub: SmallHub) -> None:
    models = load_settings("storybook").models.model_copy(update={
        "loras": (FileRef(repo=MOTION, file="diffusion_pytorch_model.safetensors", weight=0.8), FileRef(file="own.safetensors"))})
    ready = ready_settings(load_settings("storybook").model_copy(update={"models": models}), {})
    assert [ref.revision for ref in ready.models.loras] == [small_hub.commit(MOTION), "main"]
    assert commits_of(ready) == {"loras diffusion_pytorch_model.safetensors": f"{MOTION}@{small_hub.commit(MOTION)}"}


def test_sizes_and_licences_are_known_before_the_first_byte(small_hub: SmallHub, repositories: Path) -> None:
    (plan,) = hub.plan_downloads({"motion_adapter": hub.resolve(ModelRef(repo=MOTION))})
    assert not small_hub.files()
    assert (plan.names, plan.info.licence) == (("motion_adapter",), "apache-2.0")
    assert plan.num_bytes == sum((repositories / MOTION / name).stat().st_size for name in plan.files) > 1000


def test_licence_of_a_card_when_the_hub_tells_none(small_hub: SmallHub) -> None:
    small_hub.licences = False
    assert hub.licence_of(fetched(ModelRef(repo=MOTION))) == "openrail"


def test_all_on_this_disk_asks_nobody(small_hub: SmallHub) -> None:
    bound = fetched(ModelRef(repo=BASE))
    small_hub.asked.clear()
    again = hub.resolve(ModelRef(repo=BASE))
    assert again == bound
    assert hub.locate(again) == hub.locate(ModelRef(repo=BASE))
    assert not small_hub.asked


@pytest.mark.parametrize("repo", [BASE, DEPTH, ENCODER, MOTION])
def test_a_cache_that_was_copied_here_needs_no_list(small_hub: SmallHub, repo: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched(ModelRef(repo=repo))
    monkeypatch.setenv("STORYANIM_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    small_hub.asked.clear()
    assert hub.resolve(ModelRef(repo=repo)).revision == small_hub.commit(repo)
    assert hub.locate(ModelRef(repo=repo)).is_dir()
    assert not small_hub.asked


def test_offline_and_not_here(small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE") as caught:
        hub.locate(ModelRef(repo=MOTION))
    assert "storyanim fetch" in caught.value.hint
    assert not small_hub.asked


def test_a_pinned_commit_is_kept_when_the_branch_moves(small_hub: SmallHub) -> None:
    ref = ModelRef(repo=MOTION)
    before = hub.resolve(ref)
    small_hub.salt = "moved"
    pins = {hub.pin_of(ref): before.revision}
    assert hub.resolve(ref, pins) == before
    assert hub.fingerprint(hub.resolve(ref, pins)) == hub.fingerprint(before)
    assert hub.resolve(ref).revision == small_hub.commit(MOTION) != before.revision


def test_fingerprints_name_the_commit_before_anything_is_fetched(small_hub: SmallHub) -> None:
    bound = hub.resolve(ModelRef(repo=MOTION))
    before = hub.fingerprint(bound)
    assert small_hub.commit(MOTION) in before
    hub.locate(bound)
    assert hub.fingerprint(bound) == before


def test_an_index_of_a_branch_is_that_of_its_commit() -> None:
    branch, commit, other = (f"clip:hub:{ENCODER}/@{revision}::4" for revision in ("main", "a" * 40, "b" * 40))
    assert hub.is_same_model(branch, commit)
    assert not hub.is_same_model(commit, other)
    assert not hub.is_same_model(branch, commit.replace("openai", "someone"))
    assert not hub.is_same_model("clip:1234:4", commit)
    assert hub.revision_of(commit) == (ENCODER, "a" * 40)
    assert hub.revision_of(branch) is None


def test_a_broken_download_goes_on(small_hub: SmallHub) -> None:
    small_hub.fail, small_hub.fail_below = "half", "unet"
    folder = hub.locate(ModelRef(repo=BASE))
    assert (folder / "unet" / "diffusion_pytorch_model.safetensors").read_bytes() == (
        small_hub.root / BASE / "unet" / "diffusion_pytorch_model.safetensors").read_bytes()
    assert any("unet/diffusion_pytorch_model.safetensors" in line and " from " in line for line in small_hub.asked)


def test_a_file_that_was_cut_off_is_fetched_again(small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    bound = fetched(ModelRef(repo=BASE))
    file = hub.locate(bound) / "unet" / "diffusion_pytorch_model.safetensors"
    whole = file.read_bytes()
    file.resolve().write_bytes(whole[:1000])
    assert not hub.is_on_disk(bound)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="not wholly"):
        hub.resolve(ModelRef(repo=BASE))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    small_hub.asked.clear()
    fetched(ModelRef(repo=BASE))
    assert file.read_bytes() == whole
    assert small_hub.files() == [f"{BASE} unet/diffusion_pytorch_model.safetensors"]


def test_a_cache_that_is_a_file(small_hub: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(ResourceError, match="cannot be written to"):
        hub.locate(ModelRef(repo=MOTION))


def test_a_download_that_stopped_goes_on_with_the_next_call(small_hub: SmallHub) -> None:
    small_hub.fail, small_hub.fail_below = 403, "resolve/" + small_hub.commit(BASE) + "/vae"
    with pytest.raises(ServiceError, match="403"):
        hub.locate(ModelRef(repo=BASE))
    small_hub.fail = None
    sent = set(small_hub.files())
    assert sent
    small_hub.asked.clear()
    hub.locate(ModelRef(repo=BASE))
    assert small_hub.files()
    assert not sent & set(small_hub.files())


def test_a_token_is_sent(small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    small_hub.token = "hf_mine"
    with pytest.raises(ServiceError, match="wants a token"):
        hub.resolve(ModelRef(repo=MOTION))
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert hub.locate(ModelRef(repo=MOTION)).is_dir()


class TestFailures:
    def assert_told(self, match: str) -> None:
        start = time.monotonic()
        with pytest.raises(ServiceError, match=match) as caught:
            hub.locate(ModelRef(repo=MOTION))
        assert time.monotonic() - start < WITHIN_S
        assert caught.value.exit_code == 5
        assert "\n" not in caught.value.message + caught.value.hint

    @pytest.mark.parametrize(("status", "match"), [(401, "wants a token"), (403, "gated"), (404, "no such model"), (429, "429"),
                                                   (500, "500"), (503, "503")])
    def test_a_status(self, small_hub: SmallHub, status: int, match: str) -> None:
        small_hub.fail = status
        self.assert_told(match)

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_status_of_a_file(self, small_hub: SmallHub, status: int) -> None:
        small_hub.fail, small_hub.fail_below = status, "/resolve/"
        self.assert_told(str(status))

    @pytest.mark.parametrize("status", [429, 500])
    def test_a_status_of_a_file_that_the_client_tries_again(self, small_hub: SmallHub, status: int, quick: None) -> None:
        small_hub.fail, small_hub.fail_below = status, "/resolve/"
        self.assert_told(str(status))

    def test_refused(self, small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        self.assert_told("refused")

    def test_an_unknown_name(self, small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://hub.invalid")
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        self.assert_told("not known by that name")

    def test_a_silent_hub(self, small_hub: SmallHub, quick: None) -> None:
        small_hub.fail = "silent"
        self.assert_told("did not answer")

    def test_silence_at_a_file(self, small_hub: SmallHub, quick: None) -> None:
        small_hub.fail, small_hub.fail_below = "silent", "/resolve/"
        self.assert_told("did not answer")

    def test_a_slow_drip(self, small_hub: SmallHub, quick: None) -> None:
        small_hub.fail = "drip"
        self.assert_told("next to nothing")

    def test_a_full_disk(self, small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
        with pytest.raises(ResourceError, match="No space left"):
            hub.locate(ModelRef(repo=MOTION))

    def test_a_disk_with_too_little_room_is_told_before_the_first_byte(self, small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a broken download left counts as there."""
        bound = hub.resolve(ModelRef(repo=MOTION))
        (download,) = hub.plan_downloads({"model": bound})
        free = download.num_bytes - 10
        monkeypatch.setattr(client.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        with pytest.raises(ResourceError, match=r"are to be fetched, and the disk of .* has room for"):
            hub.fetch([download])
        assert small_hub.files() == []
        blobs = client.cache_of(MOTION) / "blobs"
        blobs.mkdir(parents=True)
        (blobs / "abc.incomplete").write_bytes(bytes(10))
        hub.fetch([download])

    def test_a_repository_without_weights(self, small_hub: SmallHub, tmp_path: Path) -> None:
        (tmp_path / "someone" / "empty").mkdir(parents=True)
        (tmp_path / "someone" / "empty" / "config.json").write_text("{}")
        small_hub.root = tmp_path
        with pytest.raises(ModelError, match="no weights"):
            hub.locate(ModelRef(repo="someone/empty"))

    def test_a_folder_that_it_does_not_have(self, small_hub: SmallHub) -> None:
        with pytest.raises(ModelError, match=f"{BASE}/unett holds no weights.*unet/"):
            hub.locate(ModelRef(repo=BASE, subfolder="unett"))

    @pytest.mark.parametrize("name", ["a/b/c", "two words", "https://huggingface.co/a/b"])
    def test_a_name_that_cannot_be(self, small_hub: SmallHub, name: str) -> None:
        with pytest.raises(ModelError, match=r"no folder .*, and no repository can be called so"):
            hub.locate(ModelRef(repo=name))

    def test_a_folder_whose_name_is_written_wrong(self, small_hub: SmallHub, here: Path) -> None:
        (here / "models" / "control").mkdir(parents=True)
        with pytest.raises(ModelError, match=r"no file none\.ckpt"):
            hub.locate(ModelRef(repo="none.ckpt"))
        for status in (None, 401):
            small_hub.fail = status
            with pytest.raises(ServiceError) as caught:
                hub.locate(ModelRef(repo="models/contorl"))
            assert caught.value.hint == "if a folder was meant: models has none called contorl, but control"

    def test_an_address_that_is_none(self, small_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "hub")
        self.assert_told("HF_ENDPOINT is one as https://")

    def test_another_commit_than_asked_for(self, small_hub: SmallHub) -> None:
        bound = hub.resolve(ModelRef(repo=MOTION))
        small_hub.salt = "moved"                     # and it has but the present one
        with pytest.raises(ServiceError, match=f"gave the commit {small_hub.commit(MOTION)} .* in place of {bound.revision}"):
            hub.locate(bound)

    @pytest.fixture
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Patience of a second in place of twelve."""
        monkeypatch.setattr(client, "_ANSWER_S", 1.0)
        monkeypatch.setattr(client, "_STALL_S", 1.0)


def test_the_patience_is_short_enough() -> None:
    assert max(client._ANSWER_S, client._STALL_S) < WITHIN_S
