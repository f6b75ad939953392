"""Packed arrays: those of the real client are unpacked and the other way round; what is broken or too large is not."""

import contextlib
import struct

import blosc2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ifss_keras.core.errors import InputError
from ifss_keras.server.wire import KINDS, ArrayHeader, TooLargeError, pack, unpack

MB = 10**6


@given(
    array=arrays.arrays(
        st.sampled_from([np.dtype(kind) for kind in KINDS]), arrays.array_shapes(max_dims=4, max_side=9)
    )
)
@settings(max_examples=60, deadline=None)
def test_round_trip_with_the_real_client(remote, array):
    from nnInteractive.inference.remote import serialization

    for there, back in (
        (serialization.pack_array, lambda packed: unpack(packed, MB)),
        (pack, serialization.unpack_array),
    ):
        found = back(there(array))
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize("codec", [blosc2.Codec.ZSTD, blosc2.Codec.LZ4])
@pytest.mark.parametrize("make", [np.zeros, np.ones, lambda size, kind: np.arange(size, dtype=kind)])
def test_what_the_client_packs_in_every_way_is_unpacked(remote, codec, make):
    from nnInteractive.inference.remote import serialization

    for kind in ("uint8", "float32"):
        array = make(70_003, kind)
        for filters in (None, [blosc2.Filter.SHUFFLE], [blosc2.Filter.BITSHUFFLE]):
            packed = serialization.pack_array(array, codec=codec, filters=filters)
            np.testing.assert_array_equal(unpack(packed, MB), array)


def test_a_bomb_is_refused_by_its_header_alone():
    packed = pack(np.zeros(64 * MB, np.uint8))
    assert len(packed) < 100
    assert ArrayHeader.of(packed).size_bytes == 64 * MB
    with pytest.raises(TooLargeError, match=r"64\.0 MB: expected at most 1\.0 MB"):
        unpack(packed, MB)


def changed(packed, at, value):
    return packed[:at] + value + packed[at + len(value) :]


GOOD = pack(np.arange(5000, dtype=np.uint16).reshape(50, 100))
BEGIN = ArrayHeader.of(GOOD).begin
CHUNK = BEGIN + 4 + 16


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"NNIA",
        GOOD[:-1],
        GOOD + b"0",
        GOOD[:BEGIN],
        changed(GOOD, 0, b"PK"),
        changed(GOOD, 4, b"\x02"),
        changed(GOOD, 5, b"\x09"),
        changed(GOOD, 6, b"\x00"),
        changed(GOOD, 6, b"\xff"),
        changed(GOOD, 8, b"object"),
        changed(GOOD, 14, struct.pack("<q", -50)),
        changed(GOOD, 14, struct.pack("<q", 0)),
        changed(GOOD, 14, struct.pack("<q", 49)),
        changed(GOOD, 14, struct.pack("<q", 51)),
        changed(GOOD, BEGIN, struct.pack("<I", 0)),
        changed(GOOD, BEGIN, struct.pack("<I", 2)),
        changed(GOOD, BEGIN, struct.pack("<I", 2**32 - 1)),
        changed(GOOD, BEGIN + 4, struct.pack("<Q", 9999)),
        changed(GOOD, BEGIN + 4, struct.pack("<Q", 2**63)),
        changed(GOOD, BEGIN + 12, struct.pack("<Q", 31)),
        changed(GOOD, BEGIN + 12, struct.pack("<Q", 2**63)),
        changed(GOOD, CHUNK + 2, bytes([GOOD[CHUNK + 2] | 0xE0])),  # a codec that a plug-in brings
        changed(GOOD, CHUNK + 16, b"\x20"),  # a filter that a plug-in brings
        changed(GOOD, CHUNK + 31, b"\x08"),  # a chunk that lies in a file
        changed(GOOD, CHUNK + 4, struct.pack("<i", 20_000)),
    ],
)
def test_what_no_client_packs_is_refused_in_a_sentence(packed):
    with pytest.raises(InputError, match=r"expected|use a client") as caught:
        unpack(packed, MB)
    assert str(caught.value).endswith(".")


@given(changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_changed_bytes_are_unpacked_or_refused(changes):
    packed = bytearray(GOOD)
    for at, value in changes:
        packed[at] = value
    with contextlib.suppress(InputError):
        assert unpack(bytes(packed), MB).nbytes <= MB
