"""The float graph, run without optimizations, as the reference for everything integer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError, UnsupportedOperator
from edgemm.onnx_runtime import onnx_runtime

if TYPE_CHECKING:
    import onnx_ir as ir

Sample = Mapping[str, npt.NDArray[Any]]
"""Input name -> array in the model's own shape and layout, batch of 1 included."""

LARGE_BYTES = 1 << 14
"""Constants of at least that size are handed to the runtime where they lie, and are not copied."""
WEIGHTS = "weights"
"""Where a constant is said to be that is handed over beside the model; no such file is read."""


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """An ONNX model whose large constants lie beside it."""

    payload: bytes
    """The file, in which they have a name, a type and a shape alone."""
    weights: Mapping[str, npt.NDArray[Any]]
    """Name -> content."""


class Reference:
    """One model in ONNX Runtime: one thread, CPU provider, no spinning.

    Args:
        model_or_payload: an `onnx_ir.Model`, or the bytes of an ONNX file, or those with large constants beside them.
        optimize: True lets ONNX Runtime fuse operators; False computes every node as written, which Q/DQ
            pairs need to be compared with other runtimes bit for bit.

    Raises:
        MissingDependency: onnxruntime is not installed.
        UnsupportedOperator: ONNX Runtime cannot run the graph.
    """

    def __init__(self, model_or_payload: ir.Model | Apart | bytes, *, optimize: bool = True) -> None:
        onnxruntime = onnx_runtime()
        options = _options(onnxruntime, optimize)
        if isinstance(model_or_payload, bytes):
            payload = model_or_payload
        else:
            parts = model_or_payload if isinstance(model_or_payload, Apart) else apart(model_or_payload)
            payload, self._weights = parts.payload, _hand_over(onnxruntime, options, parts.weights)
        try:
            self._session = onnxruntime.InferenceSession(payload, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise UnsupportedOperator(
                f"onnxruntime {onnxruntime.__version__} cannot run the float graph: {error}. "
                "Check the model with onnx.checker, or update onnxruntime"
            ) from error
        self.inputs: tuple[str, ...] = tuple(each.name for each in self._session.get_inputs())
        """Names of the inputs, in order."""
        self.outputs: tuple[str, ...] = tuple(each.name for each in self._session.get_outputs())
        """Names of the outputs, in order."""

    def run(self, sample: Sample) -> dict[str, npt.NDArray[Any]]:
        """All outputs of one sample, by name.

        Raises:
            InputError: an input is missing, or has another shape or type than the model's.
            UnsupportedOperator: a node fails on inputs that fit.
        """
        return dict(zip(self.outputs, self._run(sample), strict=True))

    def _run(self, sample: Sample) -> list[npt.NDArray[Any]]:
        missing = [name for name in self.inputs if name not in sample]
        if missing:
            raise InputError(f"expected inputs {list(self.inputs)}, found {sorted(sample)}: add {missing}")
        feed = {name: np.asarray(sample[name]) for name in self.inputs}
        try:
            found: list[npt.NDArray[Any]] = self._session.run(None, feed)
        except Exception as error:
            found_shapes = {name: (array.dtype.name, array.shape) for name, array in feed.items()}
            said = f"the model does not run on inputs of {found_shapes}: {error}"
            if type(error).__name__ == "InvalidArgument":  # what ONNX Runtime says of inputs that do not fit
                raise InputError(said) from error
            raise UnsupportedOperator(f"{said}. Check the model with onnx.checker") from error
        return found


def serialize(model: ir.Model) -> bytes:
    """The model as the bytes of an ONNX file; equal models give equal bytes."""
    import onnx_ir as ir

    payload: bytes = ir.serde.serialize_model(model).SerializeToString(deterministic=True)
    return payload


def apart(model: ir.Model) -> Apart:
    """The model with its large constants beside it, none of them copied; what it computes is the same."""
    import onnx_ir as ir

    kinds = {ir.DataType[name] for name in ("FLOAT", "FLOAT16", "DOUBLE", "INT8", "UINT8", "INT32", "INT64")}
    weights, bare = {}, model.clone()
    for name, value in bare.graph.initializers.items():
        tensor = value.const_value
        if tensor is None or tensor.dtype not in kinds or tensor.nbytes < LARGE_BYTES:
            continue
        if not value.uses():  # the runtime drops it, and then does not find it
            continue
        weights[name] = tensor.numpy()
        value.const_value = ir.ExternalTensor(
            WEIGHTS, 0, tensor.nbytes, tensor.dtype, shape=ir.Shape(tensor.shape.numpy()), name=name
        )
    return Apart(serialize(bare), weights)


def _hand_over(
    onnxruntime: Any, options: Any, weights: Mapping[str, npt.NDArray[Any]]
) -> list[npt.NDArray[Any]]:
    """Tells the runtime where the constants lie.

    Returns:
        What must live as long as the session.
    """
    held = [np.ascontiguousarray(each) for each in weights.values()]
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(each) for each in held]
    if values:
        options.add_external_initializers(list(weights), values)
    return held


def _options(onnxruntime: Any, optimize: bool) -> Any:
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # fatal: what is wrong is raised, with its text
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    # Nodes run in the order of the graph. The default order starts from the outputs and would put off
    # every measuring node of a calibration to the end, with all activations kept until then.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    return options
