"""Tables for people."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from edgemm.cli.columns import columns, shown_width

pytestmark = pytest.mark.device

LONG = "Install libedgetpu1-std from Coral, plug the device in, and compile the model with edgetpu_compiler"
ROWS = [("edgetpu", 12, LONG), ("cpu", 3, "litert 2.3.0")]
HEADER = ("delegate", "n", "detail")


@pytest.mark.parametrize("width", [20, 30, 40, 60, 79, 200])
def test_a_table_fits_and_loses_nothing(width: int) -> None:
    lines = columns(ROWS, HEADER, width).splitlines()
    narrowest = 8 + 2 + 2 + 2 + 8
    assert max(map(len, lines)) <= max(width, narrowest)
    text = "".join(line[14:] for line in lines).replace(" ", "")
    assert LONG.replace(" ", "") in text


def test_a_row_that_goes_on_below_leaves_the_other_columns_empty() -> None:
    assert columns([("a", "one two three")], ("k", "v"), 11).splitlines() == [
        "k  v",
        "a  one two",
        "   three",
    ]


def test_without_a_terminal_a_table_is_as_wide_as_it_is() -> None:
    assert max(map(len, columns(ROWS, HEADER).splitlines())) == 14 + len(LONG)


def test_a_word_without_spaces_is_broken() -> None:
    assert columns([("x" * 20,)], ("v",), 10).splitlines() == ["v", "x" * 10, "x" * 10]


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("数字", 4), ("e\u0301", 1), ("🙂", 2)])
def test_columns_that_a_terminal_gives_a_text(text: str, width: int) -> None:
    assert shown_width(text) == width
    first, second = columns([(text, "|"), ("x" * 6, "|")], ("name", "")).splitlines()[1:]
    assert shown_width(first) == len(second)


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert "\x1b" not in columns([("\x1b[2Jgone\r\n",)], ("name",))
    assert columns([("\x1b[2J\n",)], ("name",)).splitlines()[1] == r"\x1b[2J\n"


def on_terminal(columns_: int, *words: str) -> list[str]:
    """What a command writes on a terminal of this width."""
    try:
        master, slave = pty.openpty()
    except OSError as error:  # a root without /dev/pts
        pytest.skip(f"needs a terminal of its own: {error}")
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns_, 0, 0))
    surroundings = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    with subprocess.Popen([sys.executable, "-m", "edgemm", *words], stdout=slave, env=surroundings):
        os.close(slave)
        text = b""
        while chunk := _read(master):
            text += chunk
    os.close(master)
    return text.decode().splitlines()


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # the other end is closed
        return b""


def test_doctor_fits_a_real_terminal() -> None:
    lines = on_terminal(70, "doctor")
    rows = [line for line in lines[1:] if not line.startswith(("advice", "camera", "microphone"))]
    assert len(rows) > 20
    assert max(map(len, rows)) <= 70
