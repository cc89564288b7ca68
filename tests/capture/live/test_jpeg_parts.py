"""Pictures out of multipart streams as cameras write them, in pieces of any size."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgemm.capture.live import jpeg_parts
from edgemm.capture.live.jpeg_parts import JpegParts

pytestmark = pytest.mark.device


def jpeg(number: int, size: int = 400, comment: bytes = b"") -> bytes:
    """As far as its structure goes: a segment, a scan, the end."""
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(
        (number + place) % 251 + 1 for place in range(size)
    ).replace(b"\xff", b"\xfe")
    return b"\xff\xd8" + segment + scan + b"\xff\xd9"


PICTURES = [jpeg(number) for number in range(6)]
TYPE = b"Content-Type: image/jpeg\r\n"


def stream(part: Callable[[bytes], bytes], pictures: list[bytes] | None = None) -> bytes:
    return b"".join(part(picture) for picture in pictures or PICTURES)


def parts(boundary: bytes | None, data: bytes, step: int) -> list[bytes]:
    reader, found = JpegParts(boundary), []
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step], at)
        while part := reader.next():
            found.append(part.body)
    reader.end()
    while part := reader.next():
        found.append(part.body)
    assert reader.next() is None
    return found


def length(picture: bytes, by: int = 0) -> bytes:
    return b"Content-Length: %d\r\n" % (len(picture) + by)


STREAMS: dict[str, tuple[bytes | None, bytes]] = {
    "as it should be": (b"b", stream(lambda p: b"--b\r\n" + TYPE + length(p) + b"\r\n" + p + b"\r\n")),
    "no length": (b"b", stream(lambda p: b"--b\r\n" + TYPE + b"\r\n" + p + b"\r\n") + b"--b--\r\n"),
    "no type": (b"b", stream(lambda p: b"--b\r\n" + length(p) + b"\r\n" + p + b"\r\n")),
    "no headers": (b"b", stream(lambda p: b"--b\r\n\r\n" + p + b"\r\n")),
    "no blank line": (b"b", stream(lambda p: b"--b\r\n" + p)),
    "dashes in the header": (b"--b", stream(lambda p: b"--b\r\n" + TYPE + b"\r\n" + p + b"\r\n")),
    "no dashes at all": (b"b", stream(lambda p: b"b\r\n" + TYPE + b"\r\n" + p + b"\r\n")),
    "another boundary": (b"x", stream(lambda p: b"--b\r\n" + TYPE + b"\r\n" + p + b"\r\n")),
    "no boundary named": (b"", stream(lambda p: b"--b\r\n" + TYPE + length(p) + b"\r\n" + p + b"\r\n")),
    "LF alone": (b"b", stream(lambda p: b"--b\nContent-Type: image/jpeg\n\n" + p + b"\n")),
    "length too small": (b"b", stream(lambda p: b"--b\r\n" + length(p, -30) + b"\r\n" + p + b"\r\n")),
    "length too large": (b"b", stream(lambda p: b"--b\r\n" + length(p, 300) + b"\r\n" + p + b"\r\n")),
    "length far too large": (b"b", stream(lambda p: b"--b\r\n" + length(p, 10**6) + b"\r\n" + p + b"\r\n")),
    "length of a gigabyte": (b"b", stream(lambda p: b"--b\r\n" + length(p, 10**9) + b"\r\n" + p + b"\r\n")),
    "length of nothing": (b"b", stream(lambda p: b"--b\r\n" + length(b"") + b"\r\n" + p + b"\r\n")),
    "length is no number": (b"b", stream(lambda p: b"--b\r\nContent-Length: many\r\n\r\n" + p + b"\r\n")),
    "words before": (b"b", b"hello\r\n\r\n" + stream(lambda p: b"--b\r\n" + TYPE + b"\r\n" + p + b"\r\n")),
    "garbage between": (
        b"b",
        stream(lambda p: b"--b\r\n" + TYPE + b"\r\n" + p + b"\r\n\xff\xd8\xff no \r\n"),
    ),
    "text between": (
        b"b",
        stream(
            lambda p: b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\n" + TYPE + b"\r\n" + p + b"\r\n"
        ),
    ),
    "empty parts": (
        b"b",
        stream(lambda p: b"--b\r\nContent-Length: 0\r\n\r\n\r\n--b\r\n" + TYPE + b"\r\n" + p),
    ),
    "JPEG behind JPEG": (None, b"\0\0".join(PICTURES)),
}


@pytest.mark.parametrize("step", [1, 7, 500, 10**6])
@pytest.mark.parametrize("name", STREAMS)
def test_every_picture_comes_once_and_whole(name: str, step: int) -> None:
    found = parts(*STREAMS[name], step)
    assert len(found) == len(PICTURES)
    for body, picture in zip(found, PICTURES, strict=True):
        assert body.startswith(picture)
        assert body[len(picture) :].strip(b"\r\n\0") == b""


@pytest.mark.parametrize("step", [1, 7, 10**6])
@pytest.mark.parametrize("head", [b"", b"Content-Length: %d\r\n"])
def test_a_boundary_inside_a_picture_is_a_part_of_it(head: bytes, step: int) -> None:
    pictures = [jpeg(number, comment=b"\r\n--b\r\n" + TYPE + b"\r\n") for number in range(4)]
    data = b"".join(b"--b\r\n" + (head % len(p) if head else b"") + b"\r\n" + p + b"\r\n" for p in pictures)
    assert parts(b"b", data, step) == pictures


@pytest.mark.parametrize("step", [1, 7, 10**6])
@pytest.mark.parametrize("head", [b"", b"Content-Length: %d\r\n"])
def test_a_picture_cut_in_half_takes_none_with_it(head: bytes, step: int) -> None:
    pictures = [p if number % 2 else p[: len(p) // 2] for number, p in enumerate(PICTURES)]
    data = b"".join(b"--b\r\n" + (head % len(p) if head else b"") + b"\r\n" + p + b"\r\n" for p in pictures)
    assert [body.rstrip(b"\r\n") for body in parts(b"b", data, step)] == pictures


@pytest.mark.parametrize("step", [1, 10**6])
def test_a_segment_that_claims_to_be_longer_takes_none_with_it(step: int) -> None:
    broken = b"\xff\xd8\xff\xfe\x03\x00 short" + PICTURES[0][10:]
    pictures = [broken, *PICTURES[1:]]
    found = parts(b"b", stream(lambda p: b"--b\r\n\r\n" + p + b"\r\n", pictures), step)
    assert found[-1] == pictures[-1]
    assert len(found) == len(pictures)


@pytest.mark.parametrize("step", [1, 7, 10**6])
@pytest.mark.parametrize("by", [0, 700, 10**6])
def test_other_parts_take_no_picture_along(step: int, by: int) -> None:
    """Half pictures and parts that are no JPEG, whose lengths are right or far too large."""
    other = [PICTURES[0][:200], b"no picture at all", PICTURES[1][:3]]
    pieces = [each for pair in zip(other, PICTURES[3:], strict=True) for each in pair]
    data = stream(lambda p: b"--b\r\n" + length(p, by) + b"\r\n" + p + b"\r\n", pieces)
    assert [body.rstrip(b"\r\n") for body in parts(b"b", data, step)] == pieces


def test_a_picture_is_there_as_soon_as_its_last_byte_is() -> None:
    """Not when the next one begins, a period later."""
    for head in (b"", length(PICTURES[0])):
        reader = JpegParts(b"b")
        reader.feed(b"--b\r\n" + head + b"\r\n" + PICTURES[0], 1)
        assert reader.next() is not None


def test_the_moment_is_that_of_the_first_byte_of_the_picture() -> None:
    reader = JpegParts(b"b")
    for data, now_ns in ((b"--b\r\n\r\n", 10), (PICTURES[0][:50], 20), (PICTURES[0][50:], 30)):
        reader.feed(data, now_ns)
        part = reader.next()
    assert part is not None
    assert part.begun_ns == 20


@pytest.mark.parametrize("head", [b"", b"Content-Length: %d\r\n"])
def test_a_picture_that_is_too_large_is_counted(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_parts, "MAX_PART_BYTES", 1000)
    pictures = [PICTURES[0], jpeg(1, 5000), PICTURES[2]]
    data = b"".join(b"--b\r\n" + (head % len(p) if head else b"") + b"\r\n" + p + b"\r\n" for p in pictures)
    reader, found = JpegParts(b"b"), []
    for at in range(0, len(data), 100):
        reader.feed(data[at : at + 100], at)
        while part := reader.next():
            found.append(part.body)
    assert found == [PICTURES[0], PICTURES[2]]
    assert reader.too_large == 1


@pytest.mark.parametrize("data", [b"x" * 100_000, b"--b\r\n" + b"X-Header: 1\r\n" * 10_000])
def test_what_never_becomes_a_picture_is_not_kept(data: bytes) -> None:
    reader = JpegParts(b"b")
    for at in range(0, len(data), 1000):
        reader.feed(data[at : at + 1000], 0)
        assert reader.next() is None
    assert len(reader._data) < 1 << 15
