"""The CPU: always there, and where every operator goes that an accelerator leaves."""

from __future__ import annotations

from edgemm.delegates.delegate import Delegate

CPU = Delegate(
    name="cpu",
    summary="the runtime's own kernels: in LiteRT XNNPACK (NEON, AVX) where it can, in ONNX Runtime the CPU provider",
    advice='Install a runtime: pip install "edgemm[litert]" or "edgemm[ort]"',
    kernels=True,
    required=False,
    provider="CPUExecutionProvider",
)
