"""Arm NN's TFLite delegate: Mali GPUs and Neon through Arm's own kernels."""

from __future__ import annotations

from edgemm.delegates.delegate import Delegate

ARMNN = Delegate(
    name="armnn",
    summary="Arm NN (Mali GPU, then Neon)",
    advice="Install Arm NN's delegate (libarmnnDelegate.so) from its releases, on the library path",
    libraries=("libarmnnDelegate.so", "libarmnnDelegate.so.29", "libarmnnDelegate.so.28"),
    options=(("backends", "GpuAcc,CpuAcc"), ("logging-severity", "error")),
)
