"""What is refused before or beside a download: no host, no network, no room, names that lead elsewhere."""

import os
import sys

import pytest
import requests

from ifss_keras.core.errors import ChecksumError, PresetError
from ifss_keras.zoo.remote import cache
from ifss_keras.zoo.remote.cache import check_cached, is_cached, remove_cached
from ifss_keras.zoo.remote.pull import pull
from ifss_keras.zoo.remote.registry import RemoteFile
from ifss_keras.zoo.remote.settings import settings_file
from ifss_keras.zoo.remote.source import RefusedError, _Session
from tests.zoo.remote.conftest import CONTENT, NAME, record_with


def refused(record, settings):
    with pytest.raises(PresetError) as refusal:
        pull(record, settings)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_without_a_host_the_sentence_says_how_to_name_one(record, settings_for):
    text = refused(record, settings_for())
    for words in (NAME, str(settings_for().cache), "no host", "IFSS_WEIGHTS_URL", "file:///", str(settings_file())):
        assert words in text
    assert not settings_for().cache.exists()


def test_offline_no_host_is_asked_but_a_folder_is(record, start, settings_for, shelf, whole):
    host = start()
    text = refused(record, settings_for(host, offline=True))
    assert "IFSS_OFFLINE" in text
    assert whole(pull(record, settings_for(host, shelf.as_uri(), offline=True)))
    assert host.asked == []
    assert pull(record, settings_for(host, offline=True)) == settings_for().cache / NAME


def test_a_whole_cache_is_only_read(record, start, settings_for, monkeypatch):
    pull(record, settings_for(start()))
    monkeypatch.setattr(cache, "only_one", None)  # whose lock would have to be written
    before = {path: path.stat().st_mtime_ns for path in settings_for().cache.rglob("*")}
    assert is_cached(record, settings_for())
    assert pull(record, settings_for()) == settings_for().cache / NAME == check_cached(record, settings_for())
    assert {path: path.stat().st_mtime_ns for path in settings_for().cache.rglob("*")} == before


def test_a_cache_that_cannot_be_written_is_named(record, start, settings_for, tmp_path):
    host = start()
    (tmp_path / "file").write_text("")
    text = refused(record, settings_for(host, cache=tmp_path / "file" / "cache"))
    assert f"cannot be written into the cache {tmp_path / 'file' / 'cache'} (Not a directory)" in text
    assert "IFSS_CACHE" in text
    if sys.platform == "linux":
        assert "(No such file or directory)" in refused(record, settings_for(host, cache="/proc/ifss"))
    assert host.asked == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_without_permission_is_named(record, start, settings_for):
    settings_for().cache.mkdir(mode=0o500)
    assert "(Permission denied)" in refused(record, settings_for(start()))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_disk_that_fills_up_is_named(record, start, settings_for, whole):
    partial = settings_for().cache / NAME / "model.weights.h5.part"
    partial.parent.mkdir(parents=True)
    partial.symlink_to("/dev/full")
    assert "(No space left on device)" in refused(record, settings_for(start()))
    assert [path.name for path in partial.parent.iterdir()] == [partial.name]
    partial.unlink()
    assert whole(pull(record, settings_for(start())))


def test_a_disk_without_room_is_named_before_anything_comes(record, start, settings_for, monkeypatch, whole):
    host, needed = start(), sum(map(len, CONTENT.values()))
    partial = settings_for().cache / NAME / "model.weights.h5.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT["model.weights.h5"][:60_000])
    usage = type("Usage", (), {"free": needed - 60_001})
    monkeypatch.setattr("ifss_keras.zoo.remote.pull.shutil.disk_usage", lambda folder: usage)
    text = refused(record, settings_for(host))
    assert f"needs {needed - 60_000:,} bytes" in text
    assert f"{needed - 60_001:,} bytes free" in text
    assert host.asked == []
    usage.free += 1
    assert whole(pull(record, settings_for(host)))


@pytest.mark.parametrize("name", ["../made_up", "..", "/etc", "a/b", "a\\b", ".hidden", "", "a b", "C:made_up"])
def test_names_that_lead_elsewhere_are_none(name):
    with pytest.raises(ValueError, match="preset's name"):
        record_with(name=name)
    with pytest.raises(ValueError, match="file's name"):
        RemoteFile(name, "0" * 64, 1)


@pytest.mark.parametrize(
    ("facts", "said"),
    [(("a", "0" * 63, 1), "SHA-256"), (("a", "G" * 64, 1), "SHA-256"), (("a", "0" * 64, 0), "size of a")],
)
def test_a_record_of_no_file_is_refused(facts, said):
    with pytest.raises(ValueError, match=said):
        RemoteFile(*facts)
    with pytest.raises(ValueError, match=r"has no file 'other\.h5'"):
        record_with(weights="other.h5")


class Encrypted(requests.adapters.BaseAdapter):
    """A host behind https that leads on."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def send(self, request, **_):
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 302, request.url, request
        answer.headers["Location"] = self.place
        answer.raw = type("Raw", (), {"read": lambda *_, **__: b"", "close": lambda *_: None, "headers": {}})()
        return answer

    def close(self):
        pass


def test_from_https_nothing_leads_to_http(start):
    host = start()
    with _Session() as session:
        session.mount("https://", Encrypted(f"{host.url}/{NAME}/card.md"))
        with pytest.raises(RefusedError, match=r"from https to 127\.0\.0\.1 without encryption"):
            session.get("https://weights.invalid/card.md")
        assert host.asked == []
        session.mount("https://", Encrypted("/again"))
        with pytest.raises(requests.TooManyRedirects):
            session.get("https://weights.invalid/card.md")


def test_a_damaged_cache_is_told_and_removed(record, start, settings_for):
    settings = settings_for(start())
    for look in (check_cached, remove_cached):
        with pytest.raises(PresetError, match=rf"is not in the cache .*`ifss models pull {NAME}` fetches it"):
            look(record, settings)
    folder = pull(record, settings)
    (folder / "model.weights.h5").write_bytes(CONTENT["model.weights.h5"][::-1])
    assert is_cached(record, settings)  # by their sizes; a loading checks the weights themselves
    with pytest.raises(ChecksumError, match=r"no bytes in model\.weights\.h5: `ifss models pull"):
        check_cached(record, settings)
    (folder / "model.weights.h5.part").write_bytes(b"begun")
    (folder / "config.json").write_bytes(CONTENT["config.json"][::-1])
    assert not is_cached(record, settings)
    (folder / "notes.txt").write_text("of somebody")
    assert remove_cached(record, settings) == folder
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    (folder / "notes.txt").unlink()
    pull(record, settings)
    remove_cached(record, settings)
    assert not folder.exists()
