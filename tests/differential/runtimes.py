"""Files opened by their runtimes alone: nothing of edgemm is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Outputs = tuple[Array, ...]
"""Of one sample, in order."""

TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}
"""Of inputs that a conversion may change: a source in half precision becomes single."""
NHWC, NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


def run_onnx(payload: bytes, samples: Sequence[Mapping[str, Array]], *, optimize: bool) -> list[Outputs]:
    """Every sample through onnxruntime, one thread; inputs by their place in the file."""
    import onnxruntime

    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
    types = {each.name: TYPES.get(each.type) for each in session.get_inputs()}
    feeds = [
        {name: sample[name].astype(types[name] or sample[name].dtype, copy=False) for name in types}
        for sample in samples
    ]
    return [tuple(session.run(None, feed)) for feed in feeds]


def run_tflite(
    payload: bytes, samples: Sequence[Mapping[str, Array]], inputs: Sequence[str], outputs: Sequence[str]
) -> list[Outputs]:
    """Every sample through LiteRT, one thread, real numbers in and out.

    Args:
        inputs: names in the order in which a sample has its arrays.
        outputs: names in the order of the source's outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=payload, num_threads=1)
    interpreter.allocate_tensors()
    ins = {entry["name"]: entry for entry in interpreter.get_input_details()}
    outs = {entry["name"]: entry for entry in interpreter.get_output_details()}
    results = []
    for sample in samples:
        for name, array in zip(inputs, sample.values(), strict=True):
            interpreter.set_tensor(ins[name]["index"], _stored(array, ins[name]))
        interpreter.invoke()
        results.append(tuple(_real(interpreter.get_tensor(outs[n]["index"]), outs[n]) for n in outputs))
    return results


def _stored(real: Array, entry: Mapping[str, Any]) -> Array:
    """An array of the source as the file's tensor takes it: channels last, on its grid."""
    wanted = tuple(int(size) for size in entry["shape"])
    if real.shape != wanted and real.ndim == 4:
        real = real.transpose(NHWC)
    if real.shape != wanted:
        raise ValueError(f"input {entry['name']!r}: the file asks for {wanted}, the source for {real.shape}")
    scale, zero_point = entry["quantization"]
    if scale:
        limits = np.iinfo(entry["dtype"])
        real = np.clip(np.rint(real / scale) + zero_point, limits.min, limits.max)
    return np.ascontiguousarray(real.astype(entry["dtype"])).reshape(wanted)


def _real(stored: Array, entry: Mapping[str, Any]) -> Array:
    scale, zero_point = entry["quantization"]
    return (stored.astype(np.float32) - zero_point) * np.float32(scale) if scale else stored


def in_layout_of(found: Array, truth: Array) -> Array:
    """`found` with its axes as `truth` has them: channels first again, where the file has them last.

    A layout is told by its sizes, so graphs here have no two equal ones in a picture; where they are equal all the
    same, the nearest one counts.
    """
    if found.ndim != 4 or found.ndim != truth.ndim:
        return found
    fitting = [
        found.transpose(perm) for perm in ((0, 1, 2, 3), NCHW) if found.transpose(perm).shape == truth.shape
    ]
    return min(fitting, key=lambda each: _distance(each, truth)) if fitting else found


def _distance(one: Array, other: Array) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.nansum(np.abs(one.astype(np.float64) - other)))
