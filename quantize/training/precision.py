"""The numbers that a network computes with while it is trained."""

from __future__ import annotations

from typing import Any, Literal

Precision = Literal["float32", "bfloat16"]
"""bfloat16: torch's autocast: products and convolutions read half the bytes; weights and losses stay float32.
About twice as fast on a processor with instructions for it (AVX512-BF16, AMX, ARMv8.6), slower on one without."""


def answered(module: Any, inputs: tuple[Any, ...], precision: Precision) -> Any:
    """What the module gives, with its tensors of bfloat16 as float32."""
    if precision == "float32":
        return module(*inputs)
    import torch

    with torch.autocast(inputs[0].device.type, torch.bfloat16):
        found = module(*inputs)
    return _float32(found)


def _float32(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype == torch.bfloat16 else value
    if isinstance(value, dict):
        for name, each in value.items():
            value[name] = _float32(each)
        return value
    if isinstance(value, list | tuple):
        several = map(_float32, value)
        return type(value)(*several) if hasattr(value, "_fields") else type(value)(several)
    return value
