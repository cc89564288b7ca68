"""TFLite's GPU delegate (OpenCL, OpenGL ES), where a system ships it as a library."""

from __future__ import annotations

from edgemm.delegates.delegate import Delegate

GPU = Delegate(
    name="gpu",
    summary="TFLite's OpenCL and OpenGL ES delegate",
    advice="Build or install libtensorflowlite_gpu_delegate.so; no Python package brings it",
    libraries=("libtensorflowlite_gpu_delegate.so",),
)
