"""ONNX's own node tests through the TFLite converter: how many operators, in how many forms, come out right.

Each case is converted in float with the layout kept, and run in LiteRT on its own inputs: as shipped, and with the
inputs after the first (where the first is a size, that one too) as constants, since weights, shapes and axes are
graph inputs there; the better of the two
counts. A case passes, is refused with a reason, is wrong, does not run, or crashes; only the first two are allowed.

    python -m benchmarks.node_tests --only Conv,MaxPool --output refusals.jsonl
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

RTOL, ATOL = 1e-3, 1e-4
LIMIT = 820
"""Cases that pass, of 886: what has been reached and must not be lost."""
TIMEOUT_S = 60.0
NAMES = Path(__file__).with_suffix(".txt")
"""Node tests of onnx 1.20 on float32, integer and bool tensors; no strings, sequences or training."""
OF_SIZES = frozenset({
    "BlackmanWindow", "ConstantOfShape", "HammingWindow", "HannWindow", "MelWeightMatrix", "Range",
})  # fmt: skip
"""Operators whose first input is a size too."""
BAD = ("wrong", "does not run", "crash")


def run(only: Sequence[str] = (), output: Path | None = None) -> dict[str, Any]:
    """Counts per outcome over all cases, or those of some operators."""
    results = list(_outcomes(only))
    if output is not None:
        output.write_text("".join(json.dumps(each) + "\n" for each in results), encoding="utf-8")
    counts = Counter(each["outcome"] for each in results)
    bad = [f"{each['name']}: {each['outcome']}" for each in results if each["outcome"] in BAD]
    return {
        "name": "node_tests",
        "cases": len(results),
        **{outcome: counts[outcome] for outcome in ("passed", "refused", *BAD)},
        "limit": LIMIT,
        "ok": counts["passed"] >= (0 if only else LIMIT) and not bad,
        "bad": bad[:40],
    }


def _cases() -> dict[str, Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in collect_testcases(None)}


def _outcomes(only: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One result per case, each computed in a child that may crash."""
    names = NAMES.read_text(encoding="utf-8").split()
    parent, child = _start()
    for number, name in enumerate(names, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{len(names)} {name:70.70}", end="", file=sys.stderr)
        parent.send((name, tuple(only)))
        try:
            answer = (
                parent.recv() if parent.poll(TIMEOUT_S) else {"outcome": "does not run", "reason": "time-out"}
            )
        except EOFError:
            answer = {"outcome": "crash", "reason": "the process died"}
        if answer is None:
            continue
        if answer["outcome"] == "crash" or answer.get("reason") == "time-out":
            child.kill()
            parent, child = _start()
        yield {"name": name, **answer}
    child.kill()


def _start() -> tuple[Connection, Any]:
    context = multiprocessing.get_context("spawn")
    parent, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    return parent, child


def _serve(pipe: Connection) -> None:
    """The child: names in, outcomes out."""
    warnings.simplefilter("ignore")
    cases = _cases()
    while True:
        name, only = pipe.recv()
        case = cases.get(name)
        if case is None:
            pipe.send({"operator": "?", "outcome": "refused", "reason": "not in the installed onnx"})
            continue
        operator = case.model.graph.node[0].op_type
        pipe.send(None if only and operator not in only else {"operator": operator, **_outcome(case)})


ORDER = ("passed", "wrong", "does not run", "refused")


def _outcome(case: Any) -> dict[str, str]:
    """The better of the two ways, except that a wrong file of either is told."""
    shipped = _attempt(case, constants=False)
    if shipped["outcome"] == "passed":
        return shipped
    constant = _attempt(case, constants=True)
    return min((constant, shipped), key=lambda each: ORDER.index(each["outcome"]))


def _attempt(case: Any, *, constants: bool) -> dict[str, str]:
    from edgemm.errors import EdgemmError

    inputs, expected = case.data_sets[0]
    try:
        found = _converted(case.model, [_array(each) for each in inputs], constants)
    except EdgemmError as error:
        return {"outcome": "refused", "reason": str(error)[:300]}
    except Exception as error:  # noqa: BLE001  whatever it is, it is what this counts
        return {"outcome": "does not run", "reason": f"{type(error).__name__}: {error}"[:300]}
    for mine, truth in zip(found, expected, strict=True):
        truth = _array(truth)
        if mine.shape != truth.shape or not np.allclose(
            mine.astype(np.float64), truth.astype(np.float64), RTOL, ATOL, equal_nan=True
        ):
            return {"outcome": "wrong", "reason": f"shape {mine.shape} for {truth.shape}, or other numbers"}
    return {"outcome": "passed", "reason": "with constants" if constants else ""}


def _array(value: Any) -> Any:
    """An array; numbers of types that numpy lacks come as tensors of ONNX."""
    import onnx

    array = np.asarray(value)
    return onnx.numpy_helper.to_array(array.item()) if array.dtype == object else array


def _converted(proto: Any, inputs: list[Any], constants: bool) -> list[Any]:
    """The outputs of the float .tflite of a case."""
    import onnx
    import onnx_ir as ir
    from ai_edge_litert.interpreter import Interpreter

    from edgemm.converters.prepare import prepare
    from edgemm.converters.tflite import check_tflite, write_tflite
    from edgemm.quantize import make_plan

    model = onnx.ModelProto()
    model.CopyFrom(proto)
    given = [value.name for value in model.graph.input]
    sizes = model.graph.node[0].op_type in OF_SIZES
    fixed = given[0 if sizes else 1 :] if constants else []
    for name, array in zip(given, inputs, strict=True):
        if name in fixed:
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    kept = [value for value in model.graph.input if value.name not in fixed]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    ready = prepare(ir.from_proto(model), format_="tflite").model
    file = write_tflite(ready, make_plan(ready, None, scheme="float"), keep_layout=True)
    check_tflite(file.payload)
    interpreter = Interpreter(model_content=file.payload, num_threads=1)
    interpreter.allocate_tensors()
    feeds = dict(zip(given, inputs, strict=True))
    entries = {entry["name"]: entry for entry in interpreter.get_input_details()}
    for value, port in zip(ready.graph.inputs, file.inputs, strict=True):
        interpreter.set_tensor(
            entries[port.spec.name]["index"], feeds[str(value.name)].astype(port.spec.dtype)
        )
    interpreter.invoke()
    found = {entry["name"]: entry["index"] for entry in interpreter.get_output_details()}
    return [interpreter.get_tensor(found[port.spec.name]) for port in file.outputs]


def main() -> None:
    """Prints the counts; writes every case's outcome with --output."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="operators, with commas between them")
    parser.add_argument("--output", type=Path, help="JSON lines: name, operator, outcome, reason")
    options = parser.parse_args()
    print(json.dumps(run([each for each in options.only.split(",") if each], options.output), indent=1))


if __name__ == "__main__":
    main()
