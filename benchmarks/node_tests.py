"""ONNX's own node tests through the TFLite converter: how many operators, in how many forms, come out right.

Two sets: the cases of NAMES, and the same operators written out by ONNX's own definitions (`*_expanded`), all of the
installed onnx on tensors of the types of NAMES. Each case is converted in float with the layout kept, and run in
LiteRT on its own inputs: as shipped, and with the inputs after the first (where the first is a size, that one too)
as constants, since weights, shapes and axes are graph inputs there. A case passes where it does in one of the two
ways; otherwise it is refused with a reason. What is wrong, does not run or crashes in either way counts as that,
and none is allowed.

    python -m benchmarks.node_tests --only Conv,MaxPool --output refusals.jsonl
    python -m benchmarks.node_tests --expanded
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
LIMIT = 861
"""Cases that pass, of 886: what has been reached and must not be lost."""
LIMIT_EXPANDED = 378
"""The same for the written out ones."""
TIMEOUT_S = 60.0
NAMES = Path(__file__).with_suffix(".txt")
"""Node tests of onnx 1.20 on float32, integer and bool tensors; no strings, sequences or training."""
OF_SIZES = frozenset({
    "BlackmanWindow", "ConstantOfShape", "HammingWindow", "HannWindow", "MelWeightMatrix", "Range",
})  # fmt: skip
"""Operators whose first input is a size too."""
BAD = ("wrong", "does not run", "crash")


TYPES = frozenset({1, 2, 3, 6, 7, 9})
"""Of NAMES, in ONNX's numbers: float32, uint8, int8, int32, int64, bool."""
REASONS = {
    "its shape depends on data": ("has no static shape", "depends on the data", "depends on the inputs"),
    "a tensor without elements": ("without elements", "explicit sizes"),
    "random numbers": ("random numbers",),
    "runtimes differ": ("on which runtimes differ",),
}
"""Why a case is refused -> words of the message; what has none of them is told as it is."""


def run(only: Sequence[str] = (), output: Path | None = None, *, expanded: bool = False) -> dict[str, Any]:
    """Counts per outcome over all cases of a set, or those of some operators, and refusals by reason."""
    results = list(_outcomes(only, expanded=expanded))
    if output is not None:
        output.write_text("".join(json.dumps(each) + "\n" for each in results), encoding="utf-8")
    counts = Counter(each["outcome"] for each in results)
    bad = [f"{each['name']}: {each['outcome']}" for each in results if each["outcome"] in BAD]
    limit = LIMIT_EXPANDED if expanded else LIMIT
    refused = Counter(reason_of(each["reason"]) for each in results if each["outcome"] == "refused")
    return {
        "name": "node_tests_expanded" if expanded else "node_tests",
        "cases": len(results),
        **{outcome: counts[outcome] for outcome in ("passed", "refused", *BAD)},
        "refused_for": dict(refused.most_common()),
        "passed_as_shipped": sum(each["shipped"] == "passed" for each in results),
        "limit": limit,
        "ok": counts["passed"] >= (0 if only else limit) and not bad,
        "bad": bad[:40],
    }


def reason_of(message: str) -> str:
    """Which of REASONS a refusal has; its first words where it has none."""
    known = (reason for reason, words in REASONS.items() if any(word in message for word in words))
    return next(known, message[:120])


def _cases() -> dict[str, Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in collect_testcases(None)}


def expanded_names() -> list[str]:
    """The written out cases of the installed onnx whose tensors have types of TYPES."""
    return [name for name, case in _cases().items() if "_expanded" in name and _types(case) <= TYPES]


def _types(case: Any) -> set[int]:
    """The types of inputs and outputs; -1 for what is no tensor."""
    return {
        value.type.tensor_type.elem_type if value.type.HasField("tensor_type") else -1
        for value in (*case.model.graph.input, *case.model.graph.output)
    }


def _outcomes(only: Sequence[str], *, expanded: bool) -> Iterator[dict[str, Any]]:
    """One result per case, each computed in a child that may crash."""
    names = expanded_names() if expanded else NAMES.read_text(encoding="utf-8").split()
    parent, child = _start()
    for number, name in enumerate(names, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{len(names)} {name:70.70}", end="", file=sys.stderr)
        parent.send((name, tuple(only)))
        try:
            answer = parent.recv() if parent.poll(TIMEOUT_S) else _ended("does not run", "time-out")
        except EOFError:
            answer = _ended("crash", "the process died")
        if answer is None:
            continue
        if answer["outcome"] == "crash" or answer.get("reason") == "time-out":
            child.kill()
            parent, child = _start()
        yield {"name": name, **answer}
    child.kill()


def _ended(outcome: str, reason: str) -> dict[str, str]:
    return {"operator": "?", "outcome": outcome, "reason": reason, "shipped": outcome}


def _start() -> tuple[Connection, Any]:
    context = multiprocessing.get_context("spawn")
    parent, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    parent.recv()  # it has collected the cases, which takes its time
    return parent, child


def _serve(pipe: Connection) -> None:
    """The child: names in, outcomes out."""
    warnings.simplefilter("ignore")
    cases = _cases()
    pipe.send("ready")
    while True:
        name, only = pipe.recv()
        case = cases.get(name)
        if case is None:
            pipe.send(_ended("refused", "not in the installed onnx"))
            continue
        operator = cases.get(name.split("_expanded")[0], case).model.graph.node[0].op_type
        if only and operator not in only:
            pipe.send(None)
        else:
            pipe.send({"operator": operator, **_outcome(case, sizes=operator in OF_SIZES)})


ORDER = ("crash", "wrong", "does not run", "passed", "refused")


def _outcome(case: Any, *, sizes: bool) -> dict[str, str]:
    """The better of the two ways, except that a file of either that is wrong or does not run is told."""
    shipped = _attempt(case, constants=False, sizes=sizes)
    if shipped["outcome"] == "passed":
        return {**shipped, "shipped": "passed"}
    constant = _attempt(case, constants=True, sizes=sizes)
    told = min((constant, shipped), key=lambda each: ORDER.index(each["outcome"]))
    return {**told, "shipped": shipped["outcome"], "shipped_reason": shipped["reason"]}


def _attempt(case: Any, *, constants: bool, sizes: bool) -> dict[str, str]:
    from edgemm.errors import EdgemmError

    inputs, expected = case.data_sets[0]
    given = [value.name for value in case.model.graph.input]
    fixed = given[0 if sizes else 1 :] if constants else []
    try:
        found = _converted(case.model, [_array(each) for each in inputs], fixed)
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


def _converted(proto: Any, inputs: list[Any], fixed: Sequence[str]) -> list[Any]:
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
    parser.add_argument("--expanded", action="store_true", help="the cases written out by ONNX's definitions")
    parser.add_argument("--output", type=Path, help="JSON lines: name, operator, outcome, reason, shipped")
    options = parser.parse_args()
    only = [each for each in options.only.split(",") if each]
    print(json.dumps(run(only, options.output, expanded=options.expanded), indent=1))


if __name__ == "__main__":
    main()
