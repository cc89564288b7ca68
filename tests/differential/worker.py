"""One point: converted, opened, judged. Runs in a process of its own, which may die of what it opens."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.differential.judge import Fault, Written, judge
from tests.differential.peer import peer_outputs
from tests.differential.points import GraphKey, Point
from tests.differential.runtimes import Outputs, run_onnx, run_tflite
from tests.differential.source import Source, make_source

NOT_CONVERTIBLE, GATE_MISSED = 9, 3
"""Exit codes of edgemm's errors that are a clear refusal; the second where the gate is on."""
OWN_FAULT = "fault in the converter"
"""What the converter says when it finds itself wrong: no refusal."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one point."""

    point: Point
    outcome: str
    """"right", "refused", "gate missed"; "wrong", "error", "crash", "time-out", "no source"."""
    kind: str = ""
    """Short, the same for the same cause: what the report counts."""
    reason: str = ""
    seconds: float = 0.0
    figures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Right, or refused in words."""
        return self.outcome in ("right", "refused", "gate missed")


def serve(pipe: Connection, errors: str) -> None:
    """The child: points in, results out, until the pipe closes. What native code prints goes to a file."""
    file = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, sys.stderr.fileno())
    warnings.simplefilter("ignore")
    _quiet()
    with tempfile.TemporaryDirectory() as folder:
        while True:
            try:
                point = pipe.recv()
            except EOFError:
                return
            pipe.send(attempt(point, Path(folder)))


def _quiet() -> None:
    """Without onnxruntime's warnings: the last line of the file is to be what a process died of."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)


def attempt(point: Point, folder: Path) -> Result:
    """Converts, opens and judges one point."""
    began = time.monotonic()
    try:
        source, peer = _source(point.graph, folder)
    except Exception as error:  # noqa: BLE001  a graph that no runtime takes is a fault of this test
        return Result(point, "no source", type(error).__name__, str(error)[:300])
    outcome, kind, reason, figures = _outcome(point, source, peer, folder)
    return Result(point, outcome, kind, reason, time.monotonic() - began, figures)


@lru_cache(maxsize=2)
def _source(key: GraphKey, folder: Path) -> tuple[Source, list[Outputs] | None]:
    source = make_source(key, folder)
    return source, peer_outputs(source)


def _outcome(
    point: Point, source: Source, peer: list[Outputs] | None, folder: Path
) -> tuple[str, str, str, list[dict[str, Any]]]:
    from edgemm.errors import EdgemmError

    path = folder / f"written.{point.format}"
    path.unlink(missing_ok=True)
    try:
        done = converted(point, source, path)
    except EdgemmError as error:
        return *_refusal(point, error), []
    except Exception as error:  # noqa: BLE001  whatever it is, it is what this counts
        return "error", _place(error), f"{type(error).__name__}: {error}"[:500], []
    try:
        written = opened(point, source, done, path)
    except Exception as error:  # noqa: BLE001
        return "wrong", "does not run", f"{type(error).__name__}: {error}"[:500], []
    faults, figures = judge(source, written, peer)
    told = [{key: value for key, value in asdict(each).items() if value is not None} for each in figures]
    if faults:
        return "wrong", _kinds(faults), "; ".join(each.what for each in faults), told
    return "right", written.scheme, "", told


def converted(point: Point, source: Source, path: Path) -> Any:
    """The point's conversion, on the source's data."""
    from edgemm.converters import convert

    how: dict[str, Any] = {"gate": "off", "repair": "off"} if point.mode == "bare" else {}
    return convert(
        source.convertible,
        source.examples,
        output=path,
        calibrate=source.data.calibration,
        evaluate=source.data.evaluation,
        scheme=point.scheme,
        **how,
    )


def opened(point: Point, source: Source, done: Any, path: Path) -> Written:
    """The written file in its own runtime, on the data that was measured and on fresh data."""
    payload, data = path.read_bytes(), source.data
    reported = [float(each.snr_db) if each.snr_db is not None else None for each in done.fidelity.outputs]
    if point.format == "onnx":
        named = [each.name for each in done.card.inputs]
        evaluation, fresh = (_renamed(each, named) for each in (data.evaluation, data.fresh))
        device = run_onnx(payload, evaluation, optimize=True)
        plain = run_onnx(payload, evaluation, optimize=False)
        return Written(done.scheme, reported, device, run_onnx(payload, fresh, optimize=True), plain)
    ins, outs = ([each.name for each in entries] for entries in (done.card.inputs, done.card.outputs))
    runs = run_tflite(payload, [*data.evaluation, *data.fresh], ins, outs)
    count = len(data.evaluation)
    return Written(done.scheme, reported, runs[:count], runs[count:])


def _renamed(samples: list[Any], names: list[str]) -> list[dict[str, Any]]:
    return [dict(zip(names, sample.values(), strict=True)) for sample in samples]


def _kinds(faults: list[Fault]) -> str:
    return ", ".join(dict.fromkeys(each.kind for each in faults))


def _refusal(point: Point, error: Any) -> tuple[str, str, str]:
    sentence = str(error).splitlines()[0][:500]
    if OWN_FAULT in sentence:
        return "wrong", "refused as its own fault", sentence
    if error.exit_code == NOT_CONVERTIBLE:
        return "refused", _without_names(sentence), sentence
    if error.exit_code == GATE_MISSED and point.mode == "default":
        return "gate missed", "", sentence
    return "error", f"{type(error).__name__}: {_without_names(sentence)}", sentence


def _without_names(sentence: str) -> str:
    """The first words of a message: names and numbers in it differ from graph to graph."""
    return re.sub(r"\([^)]*\)|'[^']*'|\[[^]]*\]|[-+]?\d[\w.+-]*", "_", sentence)[:90]


def _place(error: BaseException) -> str:
    """The type of an error, and the line of edgemm that it came through last."""
    frames = [
        each
        for each in traceback.extract_tb(error.__traceback__)
        if "edgemm" in each.filename or "converters" in each.filename
    ]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.name}"
