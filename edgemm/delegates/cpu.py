"""The CPU: always there, and where every operator goes that an accelerator leaves."""

from __future__ import annotations

from edgemm.delegates.delegate import Delegate

CPU = Delegate(
    name="cpu",
    summary="the runtime's own kernels: XNNPACK (NEON, AVX) in LiteRT, the default of ONNX Runtime",
    advice='Install a runtime: pip install "edgemm[litert]" or "edgemm[ort]"',
    kernels=True,
    required=False,
    provider="CPUExecutionProvider",
)

XNNPACK = Delegate(
    name="xnnpack",
    summary="LiteRT's fast CPU kernels (NEON, AVX), and an error where they take nothing",
    advice='Install LiteRT: pip install "edgemm[litert]"',
    kernels=True,
)
