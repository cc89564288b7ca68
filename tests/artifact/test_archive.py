"""An archive as edgemm writes it is read without `zipfile`, and is what `zipfile` reads out of it, whatever happens to
its bytes."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edgemm import data
from edgemm.artifact.containers import archive, zip_tail
from edgemm.artifact.containers.contents import Contents
from edgemm.artifact.file import read_artifact
from edgemm.artifact.goldens import Goldens

pytestmark = pytest.mark.device
MODEL = data.path("models/digit_generator.int8.tflite")
PAYLOAD = zip_tail.split(Path(MODEL).read_bytes()).payload
TEXT = b"of a vocabulary " * 100
WRITTEN = b"".join(
    zip_tail.join(
        Contents(
            PAYLOAD[:400], b'{"a": 1}', b"no goldens", {"labels.txt": b"cat\ndog"}, {"vocabulary.txt": TEXT}
        )
    )
)
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read(content: bytes) -> dict[str, bytes] | None:
    """All members; None where it does not hold together."""
    try:
        opened = archive.Archive(content, archive.find_end(content), 10)
        return {name: opened.read(name, 10_000) for name in opened.sizes}
    except archive.broken():
        return None


def by_zipfile(content: bytes) -> dict[str, bytes] | None:
    """The same, where no archive is read here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(archive, "_places", lambda *_: None)
        return read(content)


def is_read_here(content: bytes) -> bool:
    end = archive.find_end(content)
    return archive._places(content, end, archive.check_end(content, end, 10)) is not None


def test_what_is_written_is_read_here() -> None:
    assert is_read_here(WRITTEN)
    assert read(WRITTEN) == {
        "edgemm/card.json": b'{"a": 1}',
        "edgemm/goldens.npz": b"no goldens",
        "edgemm/files/vocabulary.txt": TEXT,
        "labels.txt": b"cat\ndog",
    }


def test_every_changed_byte_has_the_end_that_it_has_with_zipfile() -> None:
    same = 0
    for at in range(400, len(WRITTEN)):
        for change in (0x01, 0x80):
            content = bytearray(WRITTEN)
            content[at] ^= change
            found = read(bytes(content))
            assert found == by_zipfile(bytes(content)), (at, change)
            same += found == read(WRITTEN)
    assert same < len(WRITTEN) - 400, "hardly any change was seen"


def test_random_cuts_and_pieces_have_the_end_that_they_have_with_zipfile() -> None:
    dice = random.Random(7)
    for _ in range(300):
        content = bytearray(WRITTEN)
        first, last = sorted(dice.randrange(400, len(content)) for _ in range(2))
        piece = content[first : min(last, first + dice.choice((1, 4, 46, 300)))]
        if dice.random() < 0.5:
            del content[first : first + len(piece)]
        else:
            content[last:last] = piece
        assert read(bytes(content)) == by_zipfile(bytes(content))


def packed(write: Callable[[zipfile.ZipFile], None]) -> bytes:
    """An archive behind 20 bytes of something else."""
    tail = zip_tail.OffsetBytes(20)
    with zipfile.ZipFile(tail, "w") as made:
        write(made)
    return b"\0" * 20 + tail.getvalue()


def commented(made: zipfile.ZipFile) -> None:
    made.writestr(archive.entry("a"), b"b")
    made.comment = b"of another tool"


def of_another_tool(made: zipfile.ZipFile) -> None:
    made.writestr("labels.txt", b"cat")


def with_letters(made: zipfile.ZipFile) -> None:
    made.writestr(archive.entry("Wörter.txt"), b"b")


def with_extra(made: zipfile.ZipFile) -> None:
    entry = archive.entry("a")
    entry.extra = b"\x99\x99\x02\x00ab"
    made.writestr(entry, b"b")


def twice(made: zipfile.ZipFile) -> None:
    made.writestr(archive.entry("a"), b"b")
    with pytest.warns(UserWarning, match="Duplicate"):
        made.writestr(archive.entry("a"), b"c")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (commented, {"a": b"b"}),
        (of_another_tool, {"labels.txt": b"cat"}),
        (with_letters, {"Wörter.txt": b"b"}),
        (with_extra, {"a": b"b"}),
        (twice, None),
        (lambda made: None, {}),
    ],
)
def test_another_archive_is_left_to_zipfile(
    write: Callable[[zipfile.ZipFile], None], expected: dict[str, bytes] | None
) -> None:
    content = packed(write)
    assert not is_read_here(content)
    assert read(content) == expected


def test_an_archive_that_tells_another_place_is_left_to_zipfile() -> None:
    alone = io.BytesIO()
    with zipfile.ZipFile(alone, "w") as made:
        made.writestr(archive.entry("a"), b"b")
    moved = b"\0" * 20 + alone.getvalue()
    assert not is_read_here(moved)
    assert read(moved) == by_zipfile(moved) == {"a": b"b"}


@pytest.mark.parametrize("method", PLAIN)
def test_a_member_above_its_limit_is_refused(method: int) -> None:
    content = packed(lambda made: made.writestr(archive.entry("a", method), b"b" * 101))
    opened = archive.Archive(content, archive.find_end(content), 10)
    assert len(opened.read("a", 101)) == 101
    with pytest.raises(ValueError, match="unpacks to 101 bytes; at most 100 are read"):
        opened.read("a", 100)
    with pytest.raises(KeyError, match="b"):
        opened.read("b", 100)


def test_a_member_that_unpacks_to_more_than_it_says_is_refused() -> None:
    content = packed(lambda made: made.writestr(archive.entry("a", zipfile.ZIP_DEFLATED), b"b" * 1000))
    lied = content.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert is_read_here(lied)
    assert read(lied) is None


def test_card_and_goldens_of_a_model_need_no_zipfile() -> None:
    program = (
        "import sys; from edgemm.artifact.file import read_artifact; "
        f"read_artifact({str(MODEL)!r}); print('zipfile' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "False\n"
    goldens = read_artifact(MODEL).goldens
    assert goldens is not None
    again = Goldens.from_bytes(goldens.to_bytes())
    assert again.tolerances == goldens.tolerances
