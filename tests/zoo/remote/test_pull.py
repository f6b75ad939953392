"""Presets from hosts that break off, stall, lie and vanish: the right bytes, or one sentence and no file."""

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifss_keras.core.errors import PresetError
from ifss_keras.zoo.remote import transfer
from ifss_keras.zoo.remote.pull import pull
from tests.zoo.remote.conftest import CONTENT, NAME
from tests.zoo.remote.host import (
    Host,
    another_part,
    cut,
    cut_without_range,
    dying,
    leading_to,
    sending,
    stalled,
    status,
    without_length,
)

PIECE = 1 << 14
SIZE = len(CONTENT["model.weights.h5"])


def refused(record, settings):
    """The sentence in which a preset is refused; nothing has its final name then but files that are right."""
    with pytest.raises(PresetError) as refusal:
        pull(record, settings)
    text = str(refusal.value)
    assert "\n" not in text
    assert text.endswith(".")
    for path in (settings.cache / record.name).glob("*"):
        assert path.name.endswith(".part") or path.read_bytes() == CONTENT[path.name]
    return text


def test_every_file_is_fetched_once_and_told_of(record, start, settings_for, whole):
    host, told = start(), []
    folder = pull(record, settings_for(host), lambda *step: told.append(step))
    assert folder == settings_for().cache / NAME
    assert whole(folder)
    assert host.asked == [(f"/{NAME}/{name}", None) for name in CONTENT]
    total = sum(map(len, CONTENT.values())) // 1000
    assert {(name, of) for name, _, of in told} == {(f"Fetching {NAME}, kB", total)}
    done = [done for _, done, _ in told]
    assert (done, done[-1]) == (sorted(done), total)
    pull(record, settings_for(host))
    assert len(host.asked) == len(CONTENT)


def test_only_what_is_damaged_is_fetched_again(record, start, settings_for, whole):
    host = start()
    folder = pull(record, settings_for(host))
    held = bytearray((folder / "card.md").read_bytes())
    held[3] ^= 1
    (folder / "card.md").write_bytes(held)
    host.asked.clear()
    assert whole(pull(record, settings_for(host)))
    assert host.asked == [(f"/{NAME}/card.md", None)]


def test_after_a_break_only_the_rest_is_asked_for(record, start, settings_for, whole):
    host = start(cut(70_001), cut(50_000))
    assert whole(pull(record, settings_for(host)))
    none, second, third = host.ranges
    assert none is None
    first_held, second_held = (int(held.removeprefix("bytes=").removesuffix("-")) for held in (second, third))
    assert 70_001 - PIECE < first_held <= 70_001
    assert first_held + 50_000 - PIECE < second_held <= first_held + 50_000


def test_a_host_that_ignores_range_is_heeded(record, start, settings_for, whole):
    host = start(cut(70_001), cut_without_range(None))
    assert whole(pull(record, settings_for(host)))
    assert [bool(held) for held in host.ranges] == [False, True]


def test_a_host_that_stalls_is_asked_for_the_rest(record, start, settings_for, whole):
    host = start(stalled(70_001, 1.5))
    assert whole(pull(record, settings_for(host, timeout_s=0.2)))
    assert len(host.ranges) == 2
    assert host.ranges[1] is not None


def test_a_host_that_is_always_silent_is_given_up(record, start, settings_for):
    host = start(*[stalled(0, 1.5)] * 3)
    text = refused(record, settings_for(host, timeout_s=0.1))
    assert "timed out, after 3 tries" in text
    assert len(host.ranges) == 3


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were waited, without waiting."""
    found = []
    monkeypatch.setattr(transfer.time, "sleep", found.append)
    return found


def test_waits_are_doubled_until_the_host_is_back(record, start, settings_for, waits, whole):
    host = start(status(503), status(429), status(500))
    assert whole(pull(record, settings_for(host, first_wait_s=0.5, retries=3)))
    assert waits == [0.5, 1.0, 2.0]


def test_a_host_says_how_long_to_wait_and_is_not_believed_for_ever(record, start, settings_for, waits, whole):
    host = start(status(503, Retry_After=7), status(503, Retry_After=86_400), status(503, Retry_After="Fri, 1 Jan"))
    assert whole(pull(record, settings_for(host, first_wait_s=0.5, retries=3)))
    assert waits == [7.0, transfer.LONGEST_WAIT_S, 2.0]


def test_new_bytes_begin_the_count_of_tries_again(record, start, settings_for, waits, whole):
    steps = [status(503), cut(30_000), status(503), cut(30_000), status(503)]
    assert whole(pull(record, settings_for(start(*steps), first_wait_s=1.0, retries=1)))
    assert waits == [1.0] * len(steps)


def test_a_host_that_gets_nowhere_is_given_up(record, start, settings_for):
    host = start(*[status(503)] * 9)
    assert "503 Service Unavailable, after 3 tries" in refused(record, settings_for(host))
    assert host.ranges == [None] * 3
    host = start(*[cut_without_range(30_000)] * 9)  # the same bytes again and again are new once
    assert f"{SIZE - 30_000} more expected), after 3 tries" in refused(record, settings_for(host))
    assert [bool(held) for held in host.ranges] == [False, True, True, True]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (status(404), "404 Not Found"),
        (status(403), "403 Forbidden"),
        (status(204), "204 No Content"),
        (sending(lambda held: held[:-1] + bytes([held[-1] ^ 1])), "it sends other bytes than the released ones"),
        (sending(lambda held: held[:-1]), f"its file has {SIZE - 1:,} bytes, expected {SIZE:,}"),
        (sending(lambda held: held + b"!"), f"its file has {SIZE + 1:,} bytes, expected {SIZE:,}"),
        (leading_to("file:///etc"), "No connection adapters"),
        (leading_to("http://127.0.0.1:99999"), "Port out of range"),
    ],
    ids=["404", "403", "204", "wrong bytes", "shorter", "longer", "to a file", "to no address"],
)
def test_the_next_mirror_is_asked_at_once(step, said, record, start, settings_for, whole):
    bad, good = start(step, step), start()
    text = refused(record, settings_for(bad))
    assert f"({bad.url}: {said}" in text
    assert len(bad.ranges) == 1
    assert whole(pull(record, settings_for(bad, good)))
    assert len(bad.ranges) == 2
    assert len(good.ranges) == 1


def test_a_file_that_is_too_long_is_found_while_it_comes(record, start, settings_for, shelf):
    (shelf / NAME / "model.weights.h5").write_bytes(CONTENT["model.weights.h5"] + bytes(1_000_000))
    text = refused(record, settings_for(start(without_length)))
    assert f"its file is longer than the {SIZE:,} bytes expected" in text
    assert sum(path.stat().st_size for path in (settings_for().cache / NAME).glob("*")) == 0


def test_a_file_of_unknown_length_is_taken(record, start, settings_for, whole):
    assert whole(pull(record, settings_for(start(without_length))))


def test_a_wrong_beginning_is_found_and_left(record, start, settings_for, whole):
    host, partial = start(), settings_for().cache / NAME / "model.weights.h5.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(bytes(60_000))
    assert whole(pull(record, settings_for(host)))
    assert host.ranges == ["bytes=60000-", None]


@pytest.mark.parametrize("held", [SIZE, SIZE + 1])
def test_a_partial_file_that_cannot_be_one_is_left(held, record, start, settings_for, whole):
    host, partial = start(), settings_for().cache / NAME / "model.weights.h5.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(bytes(held))
    assert whole(pull(record, settings_for(host)))
    assert host.ranges == [None]


@pytest.mark.parametrize(
    ("step", "said"), [(another_part, "another part than the one asked for"), (status(416), "its file ends before")]
)
def test_a_wrong_answer_to_a_range_leads_on_with_what_is_there(step, said, record, start, settings_for, whole):
    first, bad, good = start(cut(70_001), *[status(500)] * 3), start(step, step), start()
    assert said in refused(record, settings_for(first, bad))
    assert whole(pull(record, settings_for(bad, good)))
    assert good.ranges[0] == bad.ranges[0] != None  # noqa: E711


def test_a_host_that_dies_is_succeeded_where_it_ended(record, start, settings_for, whole):
    dead, good = Host(start().folder, [dying(70_001)]).__enter__(), start()
    assert whole(pull(record, settings_for(dead, good)))
    (asked,) = good.ranges
    assert 70_001 - PIECE < int(asked.removeprefix("bytes=").removesuffix("-")) <= 70_001
    text = refused(record, settings_for(dead, cache=settings_for().cache / "other"))
    assert "Connection refused, after 3 tries" in text


def test_a_redirection_to_another_host_is_followed_without_the_password(record, start, settings_for, whole):
    there = start(cut(70_001))
    other = f"http://localhost:{there.port}"
    here = start(leading_to(other), leading_to(other))
    assert whole(pull(record, settings_for(here.url.replace("//", "//me:secret@"))))
    assert there.ranges[0] is None
    assert there.ranges[1] == here.ranges[1] != None  # noqa: E711
    assert all(sent.startswith("Basic ") for sent in here.authorizations)
    assert there.authorizations == [None, None]


def test_a_password_is_not_shown(record, start, settings_for):
    text = refused(record, settings_for(start(status(404)).url.replace("//", "//me:secret@")))
    assert "secret" not in text
    assert "http://127.0.0.1" in text


def test_a_proxy_of_the_environment_is_used(record, start, settings_for, whole, monkeypatch):
    proxy = start()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy.url)
    assert whole(pull(record, settings_for("http://weights.invalid")))
    assert proxy.asked[0] == (f"http://weights.invalid/{NAME}/model.weights.h5", None)


def test_a_name_that_no_host_has_is_told(record, settings_for):
    assert "weights.invalid" in refused(record, settings_for("http://weights.invalid", retries=0))


def test_a_folder_is_a_mirror(record, settings_for, shelf, whole, tmp_path):
    moved = shelf.rename(tmp_path / "a shelf, großes")
    nowhere = (tmp_path / "nowhere").as_uri()
    assert "No such file or directory" in refused(record, settings_for(nowhere))
    assert whole(pull(record, settings_for(nowhere, moved.as_uri())))


def test_a_folder_goes_on_where_a_host_ended(record, start, settings_for, shelf, whole):
    assert whole(pull(record, settings_for(start(cut(70_001), *[status(500)] * 3), shelf.as_uri())))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    breaks=st.lists(
        st.one_of(
            st.integers(0, SIZE - 1).map(cut), st.integers(0, SIZE - 1).map(cut_without_range), st.just(status(503))
        ),
        max_size=6,
    )
)
def test_whatever_breaks_the_bytes_are_right(breaks, record, start, settings_for, whole, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    assert whole(pull(record, settings_for(start(*breaks), cache=cache, first_wait_s=0, retries=7)))


def test_threads_wait_for_each_other(record, start, settings_for, whole):
    host, found = start(stalled(None, 0.2)), []
    threads = [threading.Thread(target=lambda: found.append(pull(record, settings_for(host)))) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert whole(found[0])
    assert len(host.asked) == len(CONTENT)
