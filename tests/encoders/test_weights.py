import hashlib
import logging

import huggingface_hub.constants
import pytest
import torch
from huggingface_hub.utils import LocalEntryNotFoundError, RepositoryNotFoundError
from tiny_checkpoints import REVISION, FakeBundle, put_in_cache

from texcnn.encoders import fetch as fetching
from texcnn.encoders import hub, weights
from texcnn.encoders.known import KNOWN_ENCODERS
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import ModelError, RunError

REPOSITORY = "zhihan1996/DNABERT-2-117M"
CONFIG = b'{"a": 1}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def replace_download(monkeypatch, download):
    for module in (hub, fetching):
        monkeypatch.setattr(module, "hf_hub_download", download)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "config.json").write_bytes(CONFIG)
    torch.save({"w": torch.tensor([1.0])}, folder / "pytorch_model.bin")
    return folder


@pytest.fixture
def no_download(monkeypatch):
    """Fails the test where a download is tried."""
    real = hub.hf_hub_download

    def only_local(*args, **kwargs):
        assert kwargs.get("local_files_only"), "a download was tried"
        return real(*args, **kwargs)

    replace_download(monkeypatch, only_local)


def hub_spec(**changes) -> EncoderSpec:
    return EncoderSpec(**{"type": "dnabert2", "source": REPOSITORY, "revision": REVISION, **changes})


def test_a_folder_is_read(folder):
    checkpoint = weights.read_checkpoint(EncoderSpec(type="dnabert2", source=str(folder)), None)
    assert checkpoint.config == {"a": 1}
    assert checkpoint.tensors["w"].item() == 1.0
    assert checkpoint.where == str(folder / "pytorch_model.bin")


def test_safetensors_come_first_unless_the_other_file_is_pinned(folder):
    (folder / "model.safetensors").write_bytes(b"x")
    spec = EncoderSpec(type="dnabert2", source=str(folder))
    assert weights.find_file(spec, *weights.WEIGHT_FILES).name == "model.safetensors"
    pinned = {"pytorch_model.bin": sha256((folder / "pytorch_model.bin").read_bytes())}
    spec = EncoderSpec(type="dnabert2", source=str(folder), sha256=pinned)
    assert weights.find_file(spec, *weights.WEIGHT_FILES).name == "pytorch_model.bin"


def test_a_missing_file_of_a_folder_is_named(folder):
    with pytest.raises(ModelError, match=r"no tokenizer\.json .* in .*source"):
        weights.find_file(EncoderSpec(type="dnabert2", source=str(folder)), "tokenizer.json")


def test_a_missing_folder_says_what_a_source_can_be():
    with pytest.raises(ModelError, match=r"no such encoder folder: '/no/such/folder' .* a Hub id"):
        weights.find_file(EncoderSpec(type="dnabert2", source="/no/such/folder"), "config.json")


@pytest.mark.parametrize(("revision", "ref"), [(REVISION, None), (None, "main"), ("v1", "v1")])
def test_the_hub_cache_is_read_offline(hub_cache, folder, no_download, revision, ref):
    snapshot = put_in_cache(hub_cache, REPOSITORY, folder, ref=ref)
    checkpoint = weights.read_checkpoint(hub_spec(revision=revision), None)
    assert checkpoint.tensors["w"].item() == 1.0
    assert checkpoint.where == str(snapshot / "pytorch_model.bin")


def test_what_is_not_in_the_cache_is_not_downloaded_but_the_command_is_named(hub_cache, no_download, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(ModelError) as caught:
        weights.find_file(hub_spec(), "config.json")
    assert f"no config.json of '{REPOSITORY}' (revision {REVISION}) on this machine" in str(caught.value)
    assert caught.value.remedy == "run: texcnn models fetch dnabert2"
    assert str(hub_cache) in caught.value.where


def test_another_revision_in_the_cache_does_not_do(hub_cache, folder):
    put_in_cache(hub_cache, REPOSITORY, folder, ref="main")
    with pytest.raises(ModelError, match="on this machine"):
        weights.find_file(hub_spec(revision="f" * 40), "config.json")


def test_a_wrong_sum_names_both_and_the_remedy(hub_cache, folder):
    put_in_cache(hub_cache, REPOSITORY, folder)
    with pytest.raises(ModelError) as caught:
        weights.find_file(hub_spec(sha256={"config.json": "0" * 64}), "config.json")
    assert caught.value.what == f"config.json has sha256 {sha256(CONFIG)} instead of {'0' * 64}"
    assert caught.value.remedy == "delete the file and run: texcnn models fetch dnabert2"


def test_a_right_sum_passes_silently_and_an_unknown_one_is_reported(hub_cache, folder, caplog):
    put_in_cache(hub_cache, REPOSITORY, folder)
    with caplog.at_level(logging.WARNING, logger="texcnn"):
        weights.find_file(hub_spec(sha256={"config.json": sha256(CONFIG)}), "config.json")
        assert caplog.messages == []
        weights.find_file(hub_spec(), "config.json")
    assert caplog.messages == [f"config.json of {REPOSITORY} is used as found: no checksum is known for it"]


def test_a_bundle_gives_its_tensors_without_the_prefix(tmp_path):
    bundle = FakeBundle(tmp_path, {"encoders.0.w": torch.tensor([1.0]), "head.w": torch.tensor([2.0])})
    spec = EncoderSpec(type="dnabert2", source="bundle", options={"prefix": "encoders.0.", "config": {"a": 1}})
    checkpoint = weights.read_checkpoint(spec, bundle)
    assert {name: tensor.item() for name, tensor in checkpoint.tensors.items()} == {"w": 1.0}
    assert checkpoint.config == {"a": 1}


def test_a_bundle_spec_needs_a_bundle_and_its_options(tmp_path):
    spec = EncoderSpec(type="dnabert2", source="bundle", options={"prefix": "encoders.0."})
    with pytest.raises(ModelError, match="no bundle is open"):
        weights.read_checkpoint(spec, None)
    with pytest.raises(ModelError, match=r"lacks the option 'config' .* prefix are given"):
        weights.read_checkpoint(spec, FakeBundle(tmp_path, {}))


class TestFetch:
    SPEC = hub_spec(
        sha256={"config.json": sha256(CONFIG)}, options={"unverified": ["pytorch_model.bin"]}, type="dnabert2"
    )

    @pytest.fixture
    def asked(self, hub_cache, folder, monkeypatch):
        """A Hub that serves the folder; returns the list of what was asked of it."""
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        asked = []

        def download(repository, name, *, revision, local_files_only=False):
            if local_files_only:
                raise LocalEntryNotFoundError("not in the cache")
            asked.append((repository, name, revision))
            return str(folder / name)

        replace_download(monkeypatch, download)
        return asked

    def test_every_file_is_asked_for_at_the_pinned_revision(self, asked, folder):
        assert fetching.fetch(self.SPEC) == folder
        assert asked == [(REPOSITORY, name, REVISION) for name in ("config.json", "pytorch_model.bin")]

    def test_a_wrong_sum_is_refused(self, asked):
        with pytest.raises(ModelError, match=f"instead of {'0' * 64}"):
            fetching.fetch(hub_spec(sha256={"config.json": "0" * 64}))

    def test_what_is_there_already_is_not_downloaded_even_offline(self, hub_cache, folder, no_download):
        snapshot = put_in_cache(hub_cache, REPOSITORY, folder)
        assert fetching.fetch(self.SPEC) == snapshot

    def test_offline_is_reported_before_anything_is_tried(self, hub_cache, no_download):
        with pytest.raises(RunError, match=r"cannot download config.json .* switched off .* HF_HUB_OFFLINE") as caught:
            fetching.fetch(self.SPEC)
        assert caught.value.exit_status == 1

    @pytest.mark.parametrize(
        ("raised", "expected"),
        [
            (LocalEntryNotFoundError("no route"), RunError),
            (ConnectionError("no route"), RunError),
            (RepositoryNotFoundError.__new__(RepositoryNotFoundError, "no route"), ModelError),
        ],
        ids=["no metadata", "broken off", "no such repository"],
    )
    def test_a_failing_network_is_no_model_error_but_a_wrong_name_is(self, asked, monkeypatch, raised, expected):
        def download(*args, local_files_only=False, **kwargs):
            raise LocalEntryNotFoundError("not in the cache") if local_files_only else raised

        replace_download(monkeypatch, download)
        with pytest.raises(expected, match=r"cannot download config.json of"):
            fetching.fetch(self.SPEC)

    @pytest.mark.parametrize("source", ["bundle", "/no/such/folder"])
    def test_only_hub_ids_can_be_fetched(self, hub_cache, source):
        with pytest.raises(ModelError, match="nothing to fetch"):
            fetching.fetch(hub_spec(source=source))

    def test_a_spec_without_file_names_cannot_be_fetched(self, hub_cache):
        with pytest.raises(ModelError, match="names no file to fetch"):
            fetching.fetch(hub_spec())

    @pytest.mark.parametrize("progress", [False, True])
    def test_progress_bars_show_only_when_asked_and_are_as_before_afterwards(self, asked, monkeypatch, progress):
        seen = []

        def download(*args, local_files_only=False, **kwargs):
            seen.append(not fetching.are_progress_bars_disabled())
            raise LocalEntryNotFoundError("not in the cache")

        replace_download(monkeypatch, download)
        with pytest.raises(RunError):
            fetching.fetch(self.SPEC, progress=progress)
        assert set(seen) == {progress}
        assert not fetching.are_progress_bars_disabled()


def test_the_published_encoders_are_all_fetchable(hub_cache):
    for spec in KNOWN_ENCODERS.values():
        with pytest.raises(RunError, match="switched off"):
            fetching.fetch(spec)
