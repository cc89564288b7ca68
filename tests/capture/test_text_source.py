"""Lines of text as a source: from a file, and as they come in on standard input."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgemm.capture import open_source
from edgemm.capture.source import Source
from edgemm.capture.text import MAX_LINE, TextSource
from edgemm.errors import InputError, SourceLost, SourceTimeout, UnknownSource
from edgemm.media import Text

pytestmark = pytest.mark.device
Write = Callable[[bytes], None]


def texts(source: Source) -> list[Text]:
    found = []
    while (each := source.read()) is not None:
        assert isinstance(each, Text)
        found.append(each)
    return found


def lines(path: Path, content: bytes) -> list[tuple[str, str]]:
    path.write_bytes(content)
    with open_source(f"text:{path}") as source:
        return [(each.text, each.origin) for each in texts(source)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo", ["one", "two"]),
        (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n", ["one", "\ufefftwo"]),
        ("é 北\u2028x\n".encode(), ["é 北\u2028x"]),
        (b"", []),
        (b"\n \n\t\n", []),
    ],
)
def test_each_line_of_a_file_is_a_text(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    assert [text for text, _ in lines(tmp_path / "t.txt", content)] == expected


def test_empty_lines_are_left_out_and_counted_in_origins(tmp_path: Path) -> None:
    found = lines(tmp_path / "t.txt", b"\none\n\n\ntwo\n")
    assert found == [("one", "t.txt:2"), ("two", "t.txt:5")]
    with open_source(f"text:{tmp_path / 't.txt'}") as source:
        assert [each.sequence for each in texts(source)] == [0, 1]


def test_two_texts_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("a b\tc\td\nno tab\n\tx\ne\tf\n")
    with open_source(f"text:{tmp_path / 't.tsv'}?pair=1") as source:
        assert [(each.text, each.pair) for each in texts(source)] == [("a b", "c\td"), ("e", "f")]
        assert source.lost == {"no-pair": 2}  # type: ignore[attr-defined]


def test_lines_that_cannot_be_read_are_counted_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    long = b"secret" * (MAX_LINE // 6 + 1)
    (tmp_path / "t.txt").write_bytes(b"one\nsecret\xff\n" + long + b"\ntwo\n" + long)
    with caplog.at_level(logging.WARNING, "edgemm"), open_source(f"text:{tmp_path / 't.txt'}") as source:
        assert [each.text for each in texts(source)] == ["one", "two"]
        assert source.lost == {"not-utf8": 1, "too-long": 2}  # type: ignore[attr-defined]
    assert "line 2 is not UTF-8" in caplog.text
    assert "secret" not in caplog.text


def test_a_line_may_have_just_as_many_bytes(tmp_path: Path) -> None:
    assert len(lines(tmp_path / "t.txt", b"a" * MAX_LINE + b"\nb")) == 2


def test_a_picture_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"\xff\xd8\xff\n\xfe\n")
    with open_source(f"text:{tmp_path / 't.txt'}") as source, pytest.raises(SourceLost, match="not-utf8 2"):
        source.read()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told_apart_from_damage(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.txt").write_bytes("\ufeffone\ntwo\n".encode(encoding))
    with open_source(f"text:{tmp_path / 't.txt'}") as source, pytest.raises(SourceLost, match="is UTF-16"):
        source.read()


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("text:", InputError, "expected text:FILE, or text:-"),
        ("text:nothing.txt", UnknownSource, "found nothing"),
        ("text:{}", UnknownSource, "found a folder"),
        ("text:/dev/null", UnknownSource, "a pipe or device. .* text:-"),
        ("text:-?fps=3", InputError, "does not have the option 'fps'"),
    ],
)
def test_what_is_no_source_of_text(tmp_path: Path, name: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        open_source(name.format(tmp_path))


def test_text_has_no_pace() -> None:
    with pytest.raises(InputError, match="Leave --live out"):
        open_source("text:-", pace="live")


@pytest.fixture
def typed() -> Iterator[tuple[TextSource, Write, Callable[[], None]]]:
    """A source that reads a pipe as it reads standard input; what writes into it; what ends it."""
    there, here = os.pipe()
    source = TextSource("text:-", there, "stdin", live=True)
    left = [here]

    def end() -> None:
        os.close(left.pop())

    yield source, lambda content: _write(here, content), end
    source.close()
    if left:
        end()


def _write(number: int, content: bytes) -> None:
    os.write(number, content)


def test_lines_come_as_they_are_typed(typed: tuple[TextSource, Write, Callable[[], None]]) -> None:
    source, write, end = typed
    write(b"one\ntw")
    assert source.awaited
    first = source.read(1)
    with pytest.raises(SourceTimeout):
        source.read(0.01)
    write("o é\nthree".encode())
    second = source.read(1)
    end()
    third = source.read(1)
    assert [each.text for each in (first, second, third) if each] == ["one", "two é", "three"]
    assert third is not None
    assert (third.origin, third.sequence) == ("stdin:3", 2)
    assert source.read(1) is None


def test_a_line_is_captured_when_it_comes_in(typed: tuple[TextSource, Write, Callable[[], None]]) -> None:
    source, write, _ = typed
    write(b"one\ntwo\n")
    first, second = source.read(1), source.read(1)
    assert first is not None
    assert second is not None
    assert first.captured_ns == second.captured_ns


def test_closing_ends_a_read_that_waits(typed: tuple[TextSource, Write, Callable[[], None]]) -> None:
    source, _, _ = typed
    found: list[object] = ["nothing yet"]
    reader = threading.Thread(target=lambda: found.append(source.read()))
    reader.start()
    source.close()
    source.close()
    reader.join(10)
    assert found[1:] == [None]


def test_a_text_is_not_shown_by_its_repr() -> None:
    assert "swordfish" not in repr(Text("swordfish", 0, 0, "swordfish", "stdin:1"))
