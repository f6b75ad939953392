"""The registry is what lies on the shelf."""

import hashlib

import pytest

from ifss_keras.core.errors import PresetError
from ifss_keras.zoo.preset import CARD, CONFIG, Preset
from ifss_keras.zoo.presets import released_presets
from ifss_keras.zoo.remote.registry import Record, find_record, registry
from tests.zoo.make_registry import PLACE, registry_text
from tests.zoo.shelf import SHELF, SUPERSEDED


def test_it_is_what_the_shelf_gives():
    assert PLACE.read_text(encoding="utf-8") == registry_text(), "run make registry"
    assert not set(registry()) & set(released_presets())


@pytest.mark.parametrize("name", SUPERSEDED)
def test_its_files_are_those_on_the_shelf(name):
    record, folder = registry()[name], SHELF / name
    preset = Preset.read(folder)
    for fact in ("name", "architecture", "summary", "licence", "data", "parameters", "weights", "sha256", "size_bytes"):
        assert getattr(record, fact) == getattr(preset, fact)
    assert [file.name for file in record.files] == [preset.weights, CARD, CONFIG]
    for file in record.files:
        content = (folder / file.name).read_bytes()
        assert (file.sha256, file.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    assert record.total_bytes == sum((folder / file).stat().st_size for file in (preset.weights, CARD, CONFIG))
    assert Record.from_dict(name, record.to_dict()) == record == find_record(name)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(PresetError, match=r"'ifss_syntetic_v4'.*did you mean ifss_synthetic_v4"):
        find_record("ifss_syntetic_v4")
