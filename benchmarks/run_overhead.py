"""The time that `model.run` adds to a bare inference: one float through one Add, against the runtime driven by hand.

By hand is what one writes with LiteRT alone, tensor numbers looked up beforehand: set_tensor, invoke,
get_tensor. For ONNX Runtime it is `session.run`. Only the first has a limit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import edgemm
from benchmarks.timing import interleaved

LIMIT = 1.25
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


def run(rounds: int = 400) -> dict[str, Any]:
    """Ratio of the medians for LiteRT; the details have ONNX Runtime and the times."""
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
            },
            rounds,
            repeats=200,
        ) | interleaved(
            {"ort_edgemm": partial(onnx.run, inputs), "ort_by_hand": ort_by_hand()}, rounds, repeats=200
        )
    ratio = medians["litert_edgemm"] / medians["litert_by_hand"]
    return {
        "name": "model.run on one float, against set_tensor, invoke, get_tensor",
        "ratio": ratio,
        "limit": LIMIT,
        "ok": ratio <= LIMIT,
        "details": {
            "ort_ratio": medians["ort_edgemm"] / medians["ort_by_hand"],
            **{f"{name}_us": median * 1e6 for name, median in medians.items()},
        },
    }


def main() -> int:
    """Prints the result as JSON; 1 when the limit is missed."""
    result = run()
    print(json.dumps(result, indent=1))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
