import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from texcnn.encoders import registry
from texcnn.encoders.protocol import EncoderSpec
from texcnn.errors import ModelError


@pytest.fixture
def plugins(monkeypatch):
    """Replaces the installed entry points of the group by those of a test."""

    def install(**values):
        points = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "texcnn.encoders" else [])

    module = ModuleType("a_plugin")
    module.load = lambda spec, bundle: ("loaded", spec, bundle)
    module.fail = lambda spec, bundle: spec.options["missing"]
    module.refuse = lambda spec, bundle: (_ for _ in ()).throw(ModelError("its own words"))
    monkeypatch.setitem(sys.modules, "a_plugin", module)
    return install


BUILT_IN = [
    "dnabert", "dnabert2", "nucleotide-transformer", "enformer", "word2vec", "kmer-counts", "motif-cnn", "mpra-dragonn",
    "segment-cnn",
]  # fmt: skip


def test_built_in_types_need_no_installation(plugins, dnabert2_folder):
    plugins()
    assert list(registry.encoder_types()) == BUILT_IN
    assert registry.load_encoder(EncoderSpec(type="dnabert2", source=str(dnabert2_folder))).dim == 12


def test_a_plugin_is_added_and_called_with_spec_and_bundle(plugins):
    plugins(mine="a_plugin:load")
    spec = EncoderSpec(type="mine", source="anything")
    bundle = object()
    assert list(registry.encoder_types()) == [*BUILT_IN, "mine"]
    assert registry.load_encoder(spec, bundle=bundle) == ("loaded", spec, bundle)


def test_a_built_in_name_cannot_be_taken_over(plugins, dnabert2_folder):
    plugins(dnabert2="a_plugin:load")
    encoder = registry.load_encoder(EncoderSpec(type="dnabert2", source=str(dnabert2_folder)))
    assert encoder.name == "dnabert2"


def test_an_unknown_type_lists_the_valid_ones(plugins):
    plugins(mine="a_plugin:load")
    with pytest.raises(
        ModelError, match=r"unknown encoder type 'dnabrt' .* dnabert, dnabert2, .*, mine .* did you mean"
    ):
        registry.load_encoder(EncoderSpec(type="dnabrt", source="x"))


@pytest.mark.parametrize("value", ["no_such_module:load", "a_plugin:no_such_function", "a_plugin:fail"])
def test_a_broken_plugin_names_itself_and_breaks_no_other(plugins, dnabert2_folder, value):
    plugins(mine=value)
    assert registry.load_encoder(EncoderSpec(type="dnabert2", source=str(dnabert2_folder))).dim == 12
    with pytest.raises(ModelError, match=rf"encoder type 'mine' failed to load: .* in {value}"):
        registry.load_encoder(EncoderSpec(type="mine", source="x"))


def test_a_plugins_own_error_passes_unchanged(plugins):
    plugins(mine="a_plugin:refuse")
    with pytest.raises(ModelError, match=r"^its own words$"):
        registry.load_encoder(EncoderSpec(type="mine", source="x"))


def test_a_pooling_that_a_type_does_not_have_is_refused(plugins, dnabert2_folder):
    plugins(mine="a_plugin:load")
    assert registry.load_encoder(EncoderSpec("dnabert2", str(dnabert2_folder), pooling="cls")).pooling == "cls"
    for spec in (
        EncoderSpec("mine", "anything", pooling="cls"),
        EncoderSpec("kmer-counts", "bundle", pooling="cls", options={"k": 4}),
    ):
        with pytest.raises(ModelError, match=rf"encoder type '{spec.type}' has no pooling 'cls'.*{spec.source}.*mean"):
            registry.load_encoder(spec)
