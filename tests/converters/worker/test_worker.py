"""The worker: a runtime that dies takes its process down, and the next question finds another."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
import pytest

from edgemm.converters.worker import RunFailed, client, opened, replayed
from edgemm.converters.worker.wire import Content

TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[2,3] x, bool[2,3] keep) => (float[2,3] y, int64[] count) {
  zero = Constant <value_float = 0.0> ()
  y = Where (keep, x, zero)
  count = Size (x)
}
"""


@pytest.fixture
def payload() -> bytes:
    made: bytes = onnx.parser.parse_model(TEXT).SerializeToString()
    return made


@pytest.mark.parametrize("how", ["device", "written", "optimized"])
def test_arrays_of_every_kind_go_there_and_back(payload: bytes, how: client.How) -> None:
    x, keep = np.arange(6, dtype=np.float32).reshape(2, 3), np.eye(2, 3, dtype=np.bool_)
    with opened(payload, "onnx", how) as session:
        assert (session.inputs, session.outputs) == (("x", "keep"), ("y", "count"))
        y, count = session.run([x, keep])
        assert session.elapsed_ns > 0
    assert (y == np.where(keep, x, 0)).all()
    assert (count.shape, count.dtype, int(count)) == ((), np.dtype(np.int64), 6)


@pytest.mark.parametrize("how", ["device", "written"])
def test_of_inferences_in_a_row_the_first_is_left_out(payload: bytes, how: client.How) -> None:
    given = [np.zeros((2, 3), np.float32), np.zeros((2, 3), np.bool_)]
    with opened(payload, "onnx", how) as session:
        assert [len(session.time(given, most)) for most in (1, 2, 3)] == [1, 1, 2]
        assert min(session.time(given, 3)) > 0


def test_a_worker_that_is_about_to_end_is_replaced(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has waited long enough and ends; at that moment it still counts as alive."""
    with opened(payload, "onnx"):
        pass
    client._idle[-1].pipe.close()  # so it ends, with 0
    monkeypatch.setattr(client._Process, "alive", property(lambda process: not process.idled))
    with opened(payload, "onnx") as session:
        assert session.run([np.ones((2, 3), np.float32), np.ones((2, 3), np.bool_)])[0].sum() == 6


def test_one_process_serves_many_files(payload: bytes) -> None:
    with opened(payload, "onnx") as session:
        first = session._process
    with opened(payload, "onnx") as session:
        assert session._process is first


def test_what_the_runtime_says_is_in_the_error() -> None:
    with pytest.raises(RunFailed, match="ONNX Runtime"), opened(b"no model", "onnx"):
        pass


INPUTS = [np.zeros((2, 3), np.float32), np.zeros((2, 3), np.bool_)]


def test_a_process_that_dies_is_an_error_and_is_replaced(payload: bytes) -> None:
    with opened(payload, "onnx") as session:
        os.kill(session._process._child.pid, signal.SIGABRT)
        with pytest.raises(RunFailed, match="killed by SIGABRT"):
            session.run(INPUTS)
    with opened(payload, "onnx") as session:
        assert len(session.run(INPUTS)) == 2


def test_an_answer_that_does_not_come_is_an_error(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(payload, "onnx") as session:
        os.kill(session._process._child.pid, signal.SIGSTOP)
        monkeypatch.setattr(client, "TIMEOUT_S", 0.2)
        with pytest.raises(RunFailed, match="did not end within"):
            session.run(INPUTS)


def test_an_artifact_that_cannot_be_loaded_says_why(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(payload[: len(payload) // 2])
    with pytest.raises(RunFailed):
        replayed(tmp_path / "a.onnx")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions to workers, from here on; "" is a run."""
    found: list[str] = []
    ask = client._Process.ask

    def watched(process: client._Process, content: Content, *given: Any, **options: Any) -> Any:
        found.append(next(iter(content), ""))
        return ask(process, content, *given, **options)

    monkeypatch.setattr(client._Process, "ask", watched)
    client._close_all()
    return found


GIVEN = [np.ones((2, 3), np.float32), np.ones((2, 3), np.bool_)]


def test_a_file_that_is_kept_is_opened_once(payload: bytes, asked: list[str]) -> None:
    for _ in range(3):
        with opened(payload, "onnx", keep=True) as session:
            assert (session.inputs, session.outputs) == (("x", "keep"), ("y", "count"))
            assert session.run(GIVEN)[0].sum() == 6
    assert asked == ["open", "", "opened", "", "opened", ""]


@pytest.mark.parametrize("other", ["file", "how", "not kept"])
def test_what_is_kept_is_freed_before_anything_else_is_opened(
    payload: bytes, asked: list[str], other: str
) -> None:
    second = (
        onnx.parser.parse_model(TEXT.replace("0.0", "2.0")).SerializeToString()
        if other == "file"
        else payload
    )
    with opened(payload, "onnx", keep=True):
        pass
    with opened(
        second, "onnx", "written" if other == "how" else "device", keep=other != "not kept"
    ) as session:
        sums = session.run([GIVEN[0], np.zeros((2, 3), np.bool_)])[0].sum()
    assert sums == (12 if other == "file" else 0)
    assert asked[:4] == ["open", "close", "open", ""]


def test_what_is_kept_is_freed_before_an_artifact_is_loaded(
    payload: bytes, asked: list[str], tmp_path: Path
) -> None:
    with opened(payload, "onnx", keep=True):
        pass
    (tmp_path / "model.onnx").write_bytes(payload)
    replayed(tmp_path / "model.onnx")
    assert asked == ["open", "close", "replay"]


def test_a_file_that_failed_is_not_kept(payload: bytes, asked: list[str]) -> None:
    with pytest.raises(RunFailed), opened(payload, "onnx", keep=True) as session:
        session.run([np.ones((9, 9), np.float32), GIVEN[1]])
    with opened(payload, "onnx", keep=True) as session:
        assert session.run(GIVEN)[0].sum() == 6
    assert asked == ["open", "", "close", "open", ""]


@pytest.mark.parametrize("how", [signal.SIGKILL, 0])
def test_a_worker_that_ended_with_what_it_kept_is_replaced(
    payload: bytes, asked: list[str], how: int
) -> None:
    with opened(payload, "onnx", keep=True) as session:
        session.run(GIVEN)
    process = client._idle[-1]
    if how:
        os.kill(process._child.pid, how)
    else:
        process.pipe.close()  # so it ends by itself
    with opened(payload, "onnx", keep=True) as session:
        assert session.run(GIVEN)[0].sum() == 6
    assert session._process is not process
    assert process not in client._idle
