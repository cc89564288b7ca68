"""Files are there whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgemm import atomic

pytestmark = pytest.mark.device


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """A file needs no runtime."""


def failing() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("no more")


def test_the_pieces_are_written_in_order(tmp_path: Path) -> None:
    assert atomic.write(tmp_path / "a", [b"one ", memoryview(b"two")]) == 7
    assert (tmp_path / "a").read_bytes() == b"one two"


def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="no more"):
        atomic.write(tmp_path / "a", failing())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_new_file_has_the_permissions_that_open_gives(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    atomic.write(tmp_path / "a", [b""])
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_permissions_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    atomic.write(tmp_path / "a", [b"new"])
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/a")
    atomic.write(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a").read_bytes() == b"new"


@pytest.mark.parametrize("place", ["folder", os.devnull])
def test_a_folder_or_a_device_is_not_replaced(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="a folder or a device"):
        atomic.write(tmp_path / place, [b"new"])


def test_killed_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0" * 1000)
    code = (
        "import sys, itertools; from edgemm import atomic; print('on', flush=True)\n"
        "for n in itertools.count(): atomic.write(sys.argv[1], [b'%d' % (n % 10)] * 1000)"
    )
    for length in (1, 9, 33):
        child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a")], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        for _ in range(length * 100):  # let it get somewhere
            os.stat(tmp_path / "a")
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        content = (tmp_path / "a").read_bytes()
        assert len(content) == 1000
        assert len(set(content)) == 1
