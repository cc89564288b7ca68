"""Damaged and hostile model files, made from sound ones; the same seed gives the same files.

`mutations` does what disks, networks and careless tools do; `forgeries` does what somebody would who wants
to crash or to mislead the reader: cards, goldens and containers that lie.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

Change = Callable[[random.Random, bytearray], None]


def _flip_bits(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_bytes(rng: random.Random, data: bytearray) -> None:
    """A run of zeros, of ones, or of noise: a lost block."""
    at, length = rng.randrange(len(data)), rng.choice((1, 4, 16, 64, 512))
    fill = rng.choice((b"\0", b"\xff", bytes([rng.randrange(256)])))
    data[at : at + length] = fill * len(data[at : at + length])


def _set_number(rng: random.Random, data: bytearray) -> None:
    """A 32-bit size or offset that is absurd."""
    at = rng.randrange(max(len(data) - 4, 1))
    data[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10**9)))


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _cut_out(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 3, 16, 200))]


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 7, 64)))


def _swap(rng: random.Random, data: bytearray) -> None:
    """Two blocks in each other's place."""
    length = rng.choice((4, 16, 64))
    a, b = (rng.randrange(max(len(data) - length, 1)) for _ in range(2))
    data[a : a + length], data[b : b + length] = data[b : b + length], data[a : a + length]


def _repeat(rng: random.Random, data: bytearray) -> None:
    """A block twice, as a transfer that was resumed at the wrong place leaves it."""
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice((8, 100, 1000))]


def _glue(rng: random.Random, data: bytearray) -> None:
    """The file twice, or its second half before its first."""
    middle = rng.randrange(len(data))
    data[:] = data + data if rng.random() < 0.5 else data[middle:] + data[:middle]


CHANGES: tuple[Change, ...] = (
    _flip_bits, _flip_bits, _flip_bits, _set_bytes, _set_number, _cut, _cut_out, _insert, _swap, _repeat, _glue,
)  # fmt: skip


def mutations(sound: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged copies: what was done, and the file. Each differs from the sound one."""
    rng = random.Random(seed)
    made = 0
    while made < count:
        data, change = bytearray(sound), rng.choice(CHANGES)
        change(rng, data)
        if bytes(data) != sound:
            yield f"{made}{change.__name__}", bytes(data)
            made += 1


BOMB = b"\0" * (64 << 20)


def forged_cards() -> Iterator[tuple[str, bytes]]:
    """Texts in a card's place that must not become a card."""
    labels = ",".join(['"x"'] * 150_000)
    recipe: dict[str, Any] = {"sample_rate": 16000, "n_mels": 10**9}
    texts = {
        "empty": "",
        "no json": "card",
        "a list": "[]",
        "deep lists": '{"x":' + "[" * 100_000 + "]" * 100_000 + "}",
        "deep objects": '{"x":' * 300 + "1" + "}" * 300,
        "long number": '{"x":' + "9" * 100_000 + "}",
        "infinite": '{"inputs":[{"image":{"scale":1e999}}]}',
        "nan": '{"inputs":[{"image":{"mean":[NaN]}}]}',
        "zero deviation": '{"inputs":[{"image":{"std":[0]}}]}',
        "many labels": '{"labels":[' + labels + "]}",
        "long": '{"x":"' + "y" * (2 << 20) + '"}',
        "huge shape": json.dumps({"inputs": [{"shape": [1 << 20, 1 << 20, 1 << 20]}]}),
        "huge mel bank": json.dumps({"inputs": [{"audio": recipe}]}),
        "huge window": json.dumps({"inputs": [{"audio": {"window": 10**9, "n_fft": 10**9}}]}),
        "huge smoothing": json.dumps({"task": "keyword", "keyword": {"smooth_windows": 10**9}}),
        "wrong hash": json.dumps({"payload_sha256": "0" * 64}),
        "hash of another kind": json.dumps({"payload_sha256": 7}),
        "wrong types": json.dumps({"name": [], "labels": {"a": 1}}),
        "key twice": '{"task":"tensors","task":"keyword"}',
        "half a character": r'{"labels":["\udc00"]}',
        "terminal codes": r'{"name":"\u001b]0;owned\u0007"}',
        "newer": '{"schema":"edgemm.card/99"}',
        "needs newer": '{"min_edgemm":"99.9"}',
    }
    yield from ((name, text.encode()) for name, text in texts.items())
    yield "no text", b'{"name":"\xff\xfe"}'


def forged_goldens() -> Iterator[tuple[str, bytes]]:
    """Archives in the goldens' place."""
    one = {"inputs": [{"x": "m"}], "outputs": [{}], "tolerances": {}}
    header = b"{'descr': '|i1', 'fortran_order': False, 'shape': (%d,), }"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + (header % (64 << 20)).ljust(117) + b"\n"
    cases: dict[str, dict[str, bytes]] = {
        "no index": {"m": b""},
        "bomb": {"index.json": json.dumps(one).encode(), "m": npy + BOMB},
        "index bomb": {"index.json": BOMB},
        "object": {"index.json": json.dumps(one).encode(), "m": npy.replace(b"|i1", b"|O8")},
        "size that lies": {"index.json": json.dumps(one).encode(), "m": npy},
    }
    for name, members in cases.items():
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        yield name, out.getvalue()
    yield "no archive", b"\0" * 100


def forged_tails(flatbuffer: bytes) -> Iterator[tuple[str, bytes]]:
    """.tflite files whose archive lies."""
    card = "edgemm/card.json"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(card, b" " * (64 << 20) + b"{}")
    yield "a card that is a bomb", flatbuffer + out.getvalue()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(card, "{}")
        for number in range(500):
            archive.writestr(f"file{number}", "")
    yield "500 members", flatbuffer + out.getvalue()
    sound = _plain_zip([(card, b"{}")], len(flatbuffer))
    yield "a member twice", flatbuffer + _plain_zip([(card, b"{}"), (card, b"[]")], len(flatbuffer))
    for what, at, value in (
        ("a size of 4 GiB", -22 - 46 - len(card) + 24, 0xFFFFFFFF),
        ("an offset beyond the end", -22 - 46 - len(card) + 42, 0x7FFFFFFF),
        ("a directory of 4 GiB", -10, 0xFFFFFFFF),
        ("a directory beyond the end", -6, 0xFFFFFFFF),
    ):
        data = bytearray(flatbuffer + sound)
        struct.pack_into("<I", data, len(data) + at, value)
        yield what, bytes(data)
    yield "overlapping members", _overlapping(flatbuffer, card)


def _plain_zip(members: list[tuple[str, bytes]], begin: int) -> bytes:
    """An archive written by hand, so that it may say what no library would write."""
    files, directory = b"", b""
    for name, content in members:
        crc = zlib.crc32(content)
        sizes = struct.pack("<3L2H", crc, len(content), len(content), len(name), 0)
        head = struct.pack("<5H", 20, 0, 0, 0, 33)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + head + sizes
        directory += struct.pack("<3H2L", 0, 0, 0, 0, begin + len(files)) + name.encode()
        files += b"PK\x03\x04" + head + sizes + name.encode() + content
    counts = struct.pack("<4H2LH", 0, 0, len(members), len(members), len(directory), begin + len(files), 0)
    return files + directory + b"PK\x05\x06" + counts


def _overlapping(flatbuffer: bytes, card: str) -> bytes:
    """Two names for the same bytes."""
    data = bytearray(flatbuffer + _plain_zip([(card, b"{}"), ("edgemm/goldens.npz", b"{}")], len(flatbuffer)))
    second = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, len(flatbuffer))
    return bytes(data)


def forged_records(model: bytes) -> Iterator[tuple[str, bytes]]:
    """.onnx files whose records lie."""
    entry = b"\x0a\x0bedgemm.card\x12\x02{}"
    record = b"\x72" + bytes([len(entry)]) + entry
    yield "a card twice", model + record + record
    yield "a record of 1 GiB", model + b"\x72\x80\x80\x80\x80\x04" + entry
    yield "a number without end", model + b"\xff" * 100
    yield "a group", model + b"\x0b" * 100
    yield "a field 0", model + b"\x00\x00"
    yield "millions of records", model + b"\x08\x08" * 2_000_000
    yield "no model but a card", record
    yield "goldens that are not base64", model + record + b"\x72\x15\x0a\x0eedgemm.goldens\x12\x03?!?"
    yield "an empty graph alone", b"\x08\x08\x3a\x00"
