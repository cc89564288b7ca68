"""The time that `model.run` adds to a bare inference: one float through one Add, against the runtime driven by hand.

By hand is what one writes with LiteRT alone, tensor numbers looked up beforehand: set_tensor, invoke, get_tensor. For
ONNX Runtime it is `session.run`, which has no limit. In place is what sessions and `edgemm bench` do: the input is
written into the model's own memory, and the output read there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import edgemm
from benchmarks.timing import instruction_set, interleaved
from edgemm.backends.backend import Backend

LIMIT, IN_PLACE_LIMIT = 1.1, 0.85
ASSETS = Path(__file__).parents[1] / "tests" / "assets"
ONE = np.ones(1, np.float32)


def litert_by_hand() -> Callable[[], Any]:
    """set_tensor, invoke, get_tensor."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=(ASSETS / "add.tflite").read_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out_of = interpreter.get_output_details()[0]["index"]

    def once() -> Any:
        interpreter.set_tensor(into, ONE)
        interpreter.invoke()
        return interpreter.get_tensor(out_of)

    return once


def ort_by_hand() -> Callable[[], Any]:
    """`session.run`, one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        (ASSETS / "add.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    return partial(session.run, None, {"x": ONE})


def in_place(backend: Backend) -> Callable[[], Any]:
    """Write, run, read, in the backend's own arrays."""

    def once() -> Any:
        backend.input_buffer(0)[...] = ONE
        backend.run()
        return backend.output_buffer(0)

    return once


def run(rounds: int = 400) -> list[dict[str, Any]]:
    """Ratios of the medians for LiteRT, checked and in place; the details have ONNX Runtime and the times."""
    with (
        edgemm.load(ASSETS / "add.tflite", delegate="cpu") as tflite,
        edgemm.load(ASSETS / "add.onnx", delegate="cpu") as onnx,
    ):
        inputs, out = {"x": ONE}, {"y": np.empty(1, np.float32)}
        # One runtime after the other: Python specialises `run` for the backend that it last saw.
        medians = interleaved(
            {
                "litert_edgemm": partial(tflite.run, inputs),
                "litert_by_hand": litert_by_hand(),
                "litert_edgemm_out": partial(tflite.run, inputs, out),
                "litert_in_place": in_place(tflite.backend),
            },
            rounds,
            repeats=200,
        ) | interleaved(
            {"ort_edgemm": partial(onnx.run, inputs), "ort_by_hand": ort_by_hand()}, rounds, repeats=200
        )
    by_hand = medians["litert_by_hand"]
    details = {
        "instruction_set": instruction_set(),
        "ort_ratio": medians["ort_edgemm"] / medians["ort_by_hand"],
        "out_ratio": medians["litert_edgemm_out"] / by_hand,
        **{f"{name}_us": median * 1e6 for name, median in medians.items()},
    }
    return [
        {"name": name, "ratio": ratio, "limit": limit, "ok": ratio <= limit, "details": details}
        for name, ratio, limit in (
            (
                "model.run on one float, against set_tensor, invoke, get_tensor",
                medians["litert_edgemm"] / by_hand,
                LIMIT,
            ),
            ("one float in place, against the same", medians["litert_in_place"] / by_hand, IN_PLACE_LIMIT),
        )
    ]


def main() -> int:
    """Prints the results as JSON; 1 when the limit is missed."""
    results = run()
    print(json.dumps(results, indent=1))
    return 0 if all(each["ok"] for each in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
