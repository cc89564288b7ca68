"""What a module costs: multiply-accumulates and parameters, counted; bytes, of the ONNX file that it becomes."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

_SILENT = logging.CRITICAL + 1


def count_macs(module: Any, example_inputs: tuple[Any, ...]) -> int:
    """Multiply-accumulates of one call in evaluation mode, as torch counts them while it runs: convolutions, linear
    and recurrent layers, and the products of attention."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    with (
        _no_warnings(), evaluating(module), torch.no_grad(), torch.backends.mkldnn.flags(enabled=False),
        sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter,
    ):  # fmt: skip
        module(*example_inputs)
    return int(counter.get_total_flops()) // 2


def count_parameters(module: Any) -> int:
    """Numbers in all parameters; what several layers share counts once."""
    return sum(each.numel() for each in module.parameters())


def onnx_bytes(module: Any, example_inputs: tuple[Any, ...]) -> int:
    """Size of the float ONNX file that torch exports."""
    import torch

    with warnings.catch_warnings(), evaluating(module), torch.no_grad(), _quiet():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, example_inputs, dynamo=True, verbose=False)
    return int(program.model_proto.ByteSize())


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """torch warns when oneDNN is turned off on machines without an Intel GPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """Evaluation mode, without the fast path of attention; every submodule gets its own mode back."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    module.eval()
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part, training in modes:
            part.training = training


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter writes to the console, whatever it is told."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(_SILENT)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        log.setLevel(level)
