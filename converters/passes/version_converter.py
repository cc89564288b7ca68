"""Runs onnx's version converter, and corrects what it leaves invalid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnx.shape_inference
import onnx.version_converter

TYPED_AS_DATA = ("Clip", "Pad")
"""Operators whose attributes became inputs of the type of their data; the converter makes them float32."""


def convert_up(proto: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The graph in a newer opset.

    A Pad that reflects or repeats may name a value in old opsets, and may not in new ones: it is left out before.
    """
    for node in proto.graph.node:
        if node.op_type == "Pad" and _mode(node) != "constant":
            kept = [attribute for attribute in node.attribute if attribute.name != "value"]
            del node.attribute[:]
            node.attribute.extend(kept)
    types = _element_types(proto)
    converted: onnx.ModelProto = onnx.version_converter.convert_version(proto, opset)
    _give_types(converted.graph, types)
    return converted


def _mode(node: onnx.NodeProto) -> str:
    return next((a.s.decode() for a in node.attribute if a.name == "mode"), "constant")


def _element_types(proto: onnx.ModelProto) -> dict[str, int]:
    """Value -> type, for what operators of TYPED_AS_DATA take."""
    if not any(node.op_type in TYPED_AS_DATA for node in proto.graph.node):
        return {}
    try:
        graph = onnx.shape_inference.infer_shapes(proto).graph
    except onnx.shape_inference.InferenceError:
        return {}
    return {
        info.name: info.type.tensor_type.elem_type
        for info in (*graph.input, *graph.value_info, *graph.output)
    }


def _give_types(graph: onnx.GraphProto, types: Mapping[str, int]) -> None:
    made = {node.output[0]: node for node in graph.node if node.op_type == "Constant"}
    for node in graph.node:
        element = types.get(node.input[0]) if node.op_type in TYPED_AS_DATA else None
        if not element or element == onnx.TensorProto.FLOAT:
            continue
        for attribute in (a for name in node.input[1:] if name in made for a in made[name].attribute):
            if attribute.name == "value" and attribute.t.data_type == onnx.TensorProto.FLOAT:
                array = onnx.numpy_helper.to_array(attribute.t)
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(_of_type(array, element)))


def _of_type(array: np.ndarray, element: int) -> np.ndarray:
    """Ends that the type does not reach become its own: float32's lowest stands for no limit at all."""
    dtype = onnx.helper.tensor_dtype_to_np_dtype(element)
    if dtype == np.float16:
        array = np.clip(array, np.finfo(dtype).min, np.finfo(dtype).max)
    return np.asarray(array, dtype)
