"""Files are there whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgemm import atomic
from edgemm.errors import InputError

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


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_neither_followed_nor_replaced(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to("theirs")
    with pytest.raises(OSError, match="it is a link to theirs, and links are not followed"):
        atomic.write(tmp_path / "link", [b"new"])
    with pytest.raises(InputError, match=r"--report .*link: cannot be written .* Name the file itself"):
        atomic.check(tmp_path / "link", "--report")
    assert (tmp_path / "link").is_symlink()
    assert [path.name for path in tmp_path.iterdir() if not path.is_symlink()] == ["theirs"] * there


def test_a_link_to_the_folder_is_followed(tmp_path: Path) -> None:
    """Only the last part of a name is looked at: folders are the administrator's."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    atomic.write(tmp_path / "link" / "a", [b"new"])
    assert (tmp_path / "folder" / "a").read_bytes() == b"new"


def test_a_private_file_is_private_while_it_is_written(tmp_path: Path) -> None:
    """Seen by what the kernel says of the temporary file between two pieces."""
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o600)
    seen: list[int] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            seen.extend(part.stat().st_mode & 0o777 for part in tmp_path.glob(".a.*"))
            yield b"x"

    atomic.write(tmp_path / "a", pieces())
    assert seen == [0o600] * 3


def test_no_moment_of_a_private_file_is_public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    asked: list[tuple[Any, ...]] = []
    opened = os.open

    def noted(*given: Any) -> int:
        asked.append(given)
        return opened(*given)

    monkeypatch.setattr(os, "open", noted)
    atomic.write(tmp_path / "a", [b"new"])
    assert [given[2] for given in asked if given[1] & os.O_CREAT] == [0o600]  # before its group is set
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@needs_root
def test_owner_and_group_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.chown(tmp_path / "a", 1234, 4321)
    (tmp_path / "a").chmod(0o640)
    atomic.write(tmp_path / "a", [b"new"])
    found = (tmp_path / "a").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 4321, 0o640)


@needs_root
@pytest.mark.parametrize(("mode", "left"), [(0o660, 0o600), (0o664, 0o644), (0o640, 0o600)])
def test_where_the_group_cannot_be_kept_another_gets_nothing(tmp_path: Path, mode: int, left: int) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.chown(tmp_path / "a", 1234, 4321)
    (tmp_path / "a").chmod(mode)
    tmp_path.chmod(0o777)
    code = (
        "import os, sys; from edgemm import atomic\n"
        "os.chdir(sys.argv[1]); os.setgroups([]); os.setgid(5); os.setuid(5)\n"
        "atomic.write('a', [b'new'])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    found = (tmp_path / "a").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (5, 5, left)


def leave_a_part(folder: Path, name: str = "a") -> Path:
    """What a writer leaves that is killed in the middle."""
    code = (
        "import os, sys; from edgemm import atomic\n"
        "def pieces():\n yield b'half'; os.kill(os.getpid(), 9)\n"
        "atomic.write(sys.argv[1], pieces())"
    )
    subprocess.run([sys.executable, "-c", code, str(folder / name)], check=False)
    (left,) = folder.glob(".*.part")
    return left


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    leave_a_part(tmp_path)
    atomic.write(tmp_path / "another", [b"new"])
    assert [path.name for path in tmp_path.iterdir()] == ["another"]


def test_what_a_living_writer_holds_stays(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        atomic.write(tmp_path / "b", [b"other"])
        yield b" two"

    atomic.write(tmp_path / "a", pieces())
    assert (tmp_path / "a").read_bytes() == b"one two"


@pytest.mark.parametrize("name", [".a.0123456789abcdef.part", "a.0123456789abcdef.edgemm.part", ".b.part"])
def test_files_of_others_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"theirs")
    atomic.write(tmp_path / "a", [b"new"])
    assert (tmp_path / name).read_bytes() == b"theirs"


def test_a_link_or_a_pipe_of_that_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_bytes(b"")
    (tmp_path / ".x.0123456789abcdef.edgemm.part").symlink_to("folder")
    os.mkfifo(tmp_path / ".y.0123456789abcdef.edgemm.part")
    atomic.write(tmp_path / "a", [b"new"])
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "folder" / "kept").exists()


def test_a_writer_whose_file_was_taken_for_a_leftover_makes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other program looks between the making of the file and its lock."""
    lock, times = fcntl.flock, [0]

    def meddled(handle: int, how: int) -> None:
        times[0] += 1
        if times[0] == 1:
            monkeypatch.setattr(fcntl, "flock", lock)
            atomic.remove_leftovers(tmp_path)
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", meddled)
    atomic.write(tmp_path / "a", [b"new"])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_trial_folder_is_gone_at_its_end_and_after_a_kill(tmp_path: Path) -> None:
    with atomic.trial_folder(tmp_path / "a") as folder:
        (folder / "a").write_bytes(b"x")
        atomic.remove_leftovers(tmp_path)
        assert (folder / "a").exists()
    code = (
        "import os, pathlib, sys; from edgemm import atomic\n"
        "with atomic.trial_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        " (folder / 'a').write_bytes(b'x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    atomic.write(tmp_path / "b", [b""])
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_long_name_in_any_alphabet_can_be_written(tmp_path: Path) -> None:
    atomic.write(tmp_path / ("\u4e2d" * 80), [b"new"])
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere/a", r"No such file or directory\). Make the folder first"),
        ("folder", "found a folder or a device"),
        ("x" * 300, r"File name too long\). Choose a shorter name"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(tmp_path: Path, place: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=said):
        atomic.save(tmp_path / place, "text")
    with pytest.raises(InputError, match=said):
        atomic.check(tmp_path / place)


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs /proc: a folder in which nobody can make files"
)
def test_a_folder_that_only_seems_writable_is_found_beforehand() -> None:
    """The permissions of /proc allow root to write; making a file fails."""
    with pytest.raises(
        InputError, match=r"cannot be written \(the folder takes no new files\). Choose another"
    ):
        atomic.check("/proc/page.html", "--report")


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "old.html").write_text("old")
    for name in ("new.html", "old.html"):
        atomic.check(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == ["old.html"]
    assert (tmp_path / "old.html").read_text() == "old"


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from edgemm import atomic; from edgemm.errors import InputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try: atomic.save(sys.argv[1], 'x' * 9000, '--report')\n"
        "except InputError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")], capture_output=True, text=True, check=True
    )
    assert "--report" in done.stdout
    assert "cannot be written (File too large)" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_each_reason_has_its_advice(number: int) -> None:
    said = atomic.cannot_write("a", OSError(number, os.strerror(number)), "--report")
    assert said.startswith(f"--report a: cannot be written ({os.strerror(number)}). ")
    assert said.endswith(("another folder", "may write to"))


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


def test_a_link_to_a_file_that_bears_such_a_name_stays(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    left = tmp_path / ".x.0123456789abcdef.edgemm.part"
    left.symlink_to("theirs")
    atomic.write(tmp_path / "a", [b"new"])
    assert left.is_symlink()


@needs_root
def test_what_another_user_left_stays(tmp_path: Path) -> None:
    left = tmp_path / ".x.0123456789abcdef.edgemm.part"
    left.write_bytes(b"theirs")
    os.chown(left, 1234, 4321)
    atomic.write(tmp_path / "a", [b"new"])
    assert left.exists()


def test_a_trial_folder_begins_where_a_killed_writer_left_something(tmp_path: Path) -> None:
    left = leave_a_part(tmp_path)
    with atomic.trial_folder(tmp_path / "b"):
        assert not left.exists()


def test_an_access_list_is_kept(tmp_path: Path) -> None:
    """One user more may read; the group may not, though the mask stands where its permissions do."""
    entries = ((1, 6, -1), (2, 4, 1234), (4, 0, -1), (16, 4, -1), (32, 0, -1))
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *each) for each in entries)
    (tmp_path / "a").write_bytes(b"old")
    try:
        os.setxattr(tmp_path / "a", "system.posix_acl_access", packed)
    except OSError:
        pytest.skip("this file system has no access lists")
    atomic.write(tmp_path / "a", [b"new"])
    assert os.getxattr(tmp_path / "a", "system.posix_acl_access") == packed


def test_a_file_that_a_library_made_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted(name: str, call: Callable[..., None]) -> Callable[..., None]:
        def noting(*arguments: object) -> None:
            steps.append(name)
            call(*arguments)

        return noting

    monkeypatch.setattr(os, "fsync", noted("fsync", fsync))
    monkeypatch.setattr(os, "replace", noted("replace", replace))
    with atomic.trial_folder(tmp_path / "a") as folder:
        (folder / "made").write_bytes(b"made")
        assert atomic.put_in_place(folder / "made", tmp_path / "a") == 4
    assert (tmp_path / "a").read_bytes() == b"made"
    assert steps[:2] == ["fsync", "replace"]


def test_a_file_that_a_library_made_replaces_no_link(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("elsewhere")
    with atomic.trial_folder(tmp_path / "a") as folder:
        (folder / "made").write_bytes(b"made")
        with pytest.raises(OSError, match="links are not followed"):
            atomic.put_in_place(folder / "made", tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"]
