"""Accelerators that ONNX Runtime reaches through its execution providers."""

from __future__ import annotations

from edgemm.delegates.delegate import Delegate
from edgemm.errors import MissingDependency
from edgemm.onnx_runtime import onnx_runtime


def _compiled_in(provider: str) -> bool:
    """True when the installed ONNX Runtime was built with the provider; its device may still be missing."""
    try:
        return provider in onnx_runtime().get_available_providers()
    except MissingDependency:
        return False


CUDA = Delegate(
    name="cuda",
    summary="NVIDIA GPU",
    advice="Install onnxruntime-gpu in place of onnxruntime (on a Jetson: NVIDIA's wheel), and the CUDA libraries",
    provider="CUDAExecutionProvider",
    seen=lambda: _compiled_in("CUDAExecutionProvider"),
)

TENSORRT = Delegate(
    name="tensorrt",
    summary="NVIDIA GPU through TensorRT; builds an engine at the first load, which takes seconds to minutes",
    advice="Install onnxruntime-gpu and TensorRT, and convert with --target tensorrt",
    provider="TensorrtExecutionProvider",
)

OPENVINO = Delegate(
    name="openvino",
    summary="Intel CPU, GPU and NPU",
    advice="Install onnxruntime-openvino in place of onnxruntime",
    provider="OpenVINOExecutionProvider",
    seen=lambda: _compiled_in("OpenVINOExecutionProvider"),
)

QNN = Delegate(
    name="qnn",
    summary="Qualcomm Hexagon NPU",
    advice="Install onnxruntime-qnn in place of onnxruntime, on a Qualcomm device",
    provider="QNNExecutionProvider",
    options=(("backend_path", "libQnnHtp.so"),),
)
