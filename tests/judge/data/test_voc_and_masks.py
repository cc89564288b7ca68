"""Truths of PASCAL VOC, and masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm.errors import InputError
from edgemm.judge.data import read_truth, truth_kind
from edgemm.judge.data.masks import read_mask

XML = """<annotation>
  <filename>a.jpg</filename>
  <object><name>dog</name><difficult>0</difficult>
    <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
    <bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>20</ymax></bndbox></object>
  <object><name>cat</name><difficult>1</difficult>
    <bndbox><ymax>20</ymax><xmin>5.5</xmin><ymin>3</ymin><xmax>10</xmax></bndbox></object>
</annotation>
"""


def voc(folder: Path, text: str = XML) -> Path:
    for name in ("JPEGImages", "Annotations"):
        (folder / name).mkdir(parents=True)
    for name in ("a", "b"):
        (folder / "JPEGImages" / f"{name}.jpg").touch()
    (folder / "Annotations" / "a.xml").write_text(text)
    return folder


def test_boxes_count_from_1_and_the_last_pixel_is_in(tmp_path: Path) -> None:
    data = read_truth(voc(tmp_path), "detection")
    assert data.names == ("cat", "dog")
    assert [each.picture.name for each in data.samples] == ["a.jpg"]
    truth: Any = data.samples[0].truth((100, 100))
    assert truth.boxes_xyxy.tolist() == [[0, 2, 10, 20], [4.5, 2, 10, 20]]
    assert truth.class_ids.tolist() == [1, 0]
    assert truth.ignored.tolist() == [False, True]
    assert truth.crowd.tolist() == [False, False]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("<name>cat</name>", "", r"a\.xml, line 6: expected a name"),
        ("<xmin>5.5</xmin>", "", r"line 6: expected 'xmin' in the object's bndbox"),
        ("<xmin>5.5</xmin>", "<xmin>50</xmin>", "line 6: expected xmin <= xmax"),
        ("<xmin>5.5</xmin>", "<xmin>nan</xmin>", "line 6: expected xmin <= xmax"),
        ("<xmin>5.5</xmin>", "<xmin>five</xmin>", "line 6: expected numbers"),
        ("</annotation>", "", "line 9: not readable as XML"),
        ("<filename>", "<filename>&x;", "line 2: not readable as XML"),
        ("<filename>", "<a>" * 20 + "<filename>", "line 2: more than 16 elements"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_truth(voc(tmp_path, XML.replace(old, new)), "detection")


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE annotation SYSTEM "file:///etc/passwd">',
        '<?xml version="1.0"?>\n<!DOCTYPE annotation>',
    ],
)
def test_entities_are_never_expanded(tmp_path: Path, head: str) -> None:
    with pytest.raises(InputError, match="expected XML without DOCTYPE and entities"):
        read_truth(voc(tmp_path, head + XML), "detection")


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.xml: larger than 4194304 bytes"):
        read_truth(voc(tmp_path, XML + " " * (4 << 20)), "detection")


def test_no_xml_at_all_is_an_error(tmp_path: Path) -> None:
    (voc(tmp_path) / "Annotations" / "a.xml").unlink()
    with pytest.raises(
        InputError, match=r"expected an XML in Annotations named as its picture, such as a\.xml"
    ):
        read_truth(tmp_path, "detection")


NUMBERS = np.array([[0, 1, 2, 255], [3, 0, 1, 20]], np.uint8)


def _png(array: Any, bits: int = 8, palette: bool = False) -> bytes:
    """Written by hand: no library here writes palettes."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = array.shape[:2]
    kind = 3 if palette else 2 if array.ndim == 3 else 0
    rows = array.reshape(height, -1)
    if bits < 8:
        spread = (rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
        rows = np.packbits(spread.reshape(height, -1).astype(np.uint8), axis=1)
    rows = rows.astype(">u2").view(np.uint8) if bits == 16 else rows
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    colours = b""
    if palette:
        colours = chunk(b"PLTE", bytes(each * 7 % 256 for each in range(3 << bits))) + chunk(b"tRNS", b"\0")
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + colours + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.fixture(autouse=True)
def _opencv() -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed")


@pytest.mark.parametrize("palette", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_numbers_of_grey_and_of_palettes(tmp_path: Path, bits: int, palette: bool) -> None:
    numbers = NUMBERS & ((1 << bits) - 1)
    file = tmp_path / "a.png"
    file.write_bytes(_png(numbers, bits, palette))
    np.testing.assert_array_equal(read_mask(file), numbers)


def test_numbers_of_16_bits(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(_png(NUMBERS.astype(np.uint16) + 1000, 16))
    np.testing.assert_array_equal(read_mask(file), NUMBERS.astype(np.uint16) + 1000)


def test_colours_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(_png(np.zeros((2, 2, 3), np.uint8)))
    with pytest.raises(
        InputError, match=r"a\.png: expected class numbers \(grey, or places in a palette\), found colours"
    ):
        read_mask(file)


@pytest.mark.parametrize("cut", [20, 40, 60, -13, -4])
def test_a_damaged_mask_is_refused(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(_png(NUMBERS)[:cut])
    with pytest.raises(InputError, match=r"a\.png: (not readable as a PNG|expected a mask as a PNG)"):
        read_mask(file)


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    content = bytearray(_png(NUMBERS))
    content[len(content) - 20] ^= 1
    file = tmp_path / "a.png"
    file.write_bytes(content)
    with pytest.raises(InputError, match="not readable as a PNG"):
        read_mask(file)


def test_a_bomb_is_refused_by_its_size(tmp_path: Path) -> None:
    import struct

    content = bytearray(_png(NUMBERS))
    content[16:24] = struct.pack(">II", 1 << 20, 1 << 20)
    file = tmp_path / "a.png"
    file.write_bytes(content)
    with pytest.raises(InputError, match="expected at most 67108864 pixels"):
        read_mask(file)


@pytest.mark.parametrize("folders", [("images", "masks"), ("JPEGImages", "SegmentationClass")])
def test_masks_beside_pictures(
    tmp_path: Path, folders: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    images, masks = (tmp_path / each for each in folders)
    images.mkdir()
    masks.mkdir()
    (images / "a.jpg").touch()
    (images / "without.jpg").touch()
    (masks / "a.png").write_bytes(_png(NUMBERS, palette=True))
    assert truth_kind(tmp_path, "segmentation") == "masks"
    data = read_truth(tmp_path, "segmentation")
    truth: Any = data.samples[0].truth((4, 2))
    assert len(data.samples) == 1
    assert "1 of 2 pictures have no mask: they are left out" in caplog.text
    assert truth.classes.tolist() == NUMBERS.tolist()
    assert truth.ignore == 255
    assert ("aeroplane" in data.names) == (folders[0] == "JPEGImages")
    with pytest.raises(InputError, match=r"a\.png: expected a mask of 5x2 pixels, as its picture, found 4x2"):
        data.samples[0].truth((5, 2))
