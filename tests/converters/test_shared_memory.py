"""Large constants lie in memory that the worker sees too, for as long as somebody has them."""

from __future__ import annotations

import errno
import gc
import os
import socket
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgemm.converters import shared_memory
from edgemm.converters.shared_memory import LEAST_BYTES, copied, file_of, mapped
from edgemm.converters.worker import wire

ROWS = LEAST_BYTES // 4 // 512


def ramp(rows: int = ROWS) -> npt.NDArray[np.float32]:
    return np.arange(rows * 512, dtype=np.float32).reshape(rows, 512)


@pytest.fixture
def pipes() -> Iterator[tuple[Connection, Connection]]:
    here, there = socket.socketpair()
    near, far = Connection(here.detach()), Connection(there.detach())
    with near, far:
        yield near, far


def sent(pipes: tuple[Connection, Connection], array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What arrives of an array that fits into the pipe, or is shared."""
    wire.send(pipes[0], {}, [array])
    _, (found,), _ = wire.receive(pipes[1])
    return found


def test_a_large_constant_is_a_copy_that_nobody_can_write_into() -> None:
    array = ramp()
    found = copied(array)
    assert file_of(found) is not None
    assert not found.flags.writeable
    assert not np.shares_memory(found, array)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("part", [lambda a: a.T, lambda a: a[:, :3], lambda a: a[::2], lambda a: a[1:]])
def test_what_does_not_lie_in_one_piece_from_the_beginning_has_no_file(part: Any) -> None:
    array = copied(ramp())
    assert file_of(part(array)) is None


def test_a_small_constant_has_no_file_and_is_a_copy_as_well() -> None:
    array = ramp(ROWS - 1)
    found = copied(array)
    assert file_of(found) is None
    assert not found.flags.writeable
    assert not np.shares_memory(found, array)
    np.testing.assert_array_equal(found, array)


def test_a_worker_gets_the_memory_itself(pipes: tuple[Connection, Connection]) -> None:
    array = copied(ramp())
    found = sent(pipes, array)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert not found.flags.writeable
    file = file_of(array)
    assert file is not None
    os.pwrite(file, np.float32(-7).tobytes(), 4)
    assert found[0, 1] == array[0, 1] == -7


@pytest.mark.parametrize("part", [lambda a: a[-3:], lambda a: a[:16].T, lambda a: a[:16, ::-1]])
def test_a_part_or_another_order_goes_as_it_is(pipes: tuple[Connection, Connection], part: Any) -> None:
    array = part(copied(ramp()))
    found = sent(pipes, array)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("part", [lambda a: a.reshape(-1), lambda a: a[:5], lambda a: a[:5].view(np.int32)])
def test_the_beginning_in_another_shape_or_type_is_shared(
    pipes: tuple[Connection, Connection], part: Any
) -> None:
    array = part(copied(ramp()))
    assert file_of(array) is not None
    found = sent(pipes, array)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_several_arrive_in_their_order_with_those_that_are_not_shared(
    pipes: tuple[Connection, Connection],
) -> None:
    arrays = [copied(ramp()), np.array([1, 2, 3]), copied(-ramp()), np.zeros((0, 4)), np.array(2.5)]
    wire.send(pipes[0], {"open": "onnx"}, arrays, b"file")
    content, found, file = wire.receive(pipes[1])
    assert (content, file) == ({"open": "onnx"}, b"file")
    for each, expected in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(each, expected)
        assert each.shape == expected.shape


def test_the_file_goes_with_the_last_array() -> None:
    gc.collect()
    before = dict(shared_memory._files)
    array = copied(ramp())
    (file,) = set(shared_memory._files.values()) - set(before.values())
    part = array[3:].reshape(-1)
    del array
    assert os.fstat(file).st_size == LEAST_BYTES
    del part
    assert shared_memory._files == before
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file)


def test_what_has_arrived_stays_when_the_sender_lets_go(pipes: tuple[Connection, Connection]) -> None:
    found = sent(pipes, copied(ramp()))
    gc.collect()
    np.testing.assert_array_equal(found, ramp())


def test_receiving_leaves_no_file_open(pipes: tuple[Connection, Connection]) -> None:
    array = copied(ramp())
    before = len(os.listdir("/proc/self/fd"))
    found = sent(pipes, array)
    after = len(os.listdir("/proc/self/fd"))
    assert found.size
    assert after <= before + 1


@pytest.mark.parametrize("step", ["memfd_create", "posix_fallocate"])
def test_without_such_memory_there_is_a_plain_copy(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(os, step, refuse)
    before = len(os.listdir("/proc/self/fd"))
    found = copied(ramp())
    assert len(os.listdir("/proc/self/fd")) == before
    assert file_of(found) is None
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, ramp())


def test_no_more_files_are_open_than_a_process_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.collect()
    monkeypatch.setattr(shared_memory, "MOST", len(shared_memory._files) + 1)
    arrays = [copied(ramp()) for _ in range(3)]
    assert [file_of(each) is not None for each in arrays] == [True, False, False]


def test_a_file_that_is_none_of_these_is_refused_and_closed(tmp_path: Any) -> None:
    (tmp_path / "empty").write_bytes(b"")
    file = os.open(tmp_path / "empty", os.O_RDONLY)
    with pytest.raises(ValueError, match="empty"):
        mapped(file, np.dtype(np.float32), (4,))
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file)
