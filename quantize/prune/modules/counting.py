"""What a module costs: multiply-accumulates and parameters, counted; bytes, of the ONNX file that it becomes."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

_SILENT = logging.CRITICAL + 1


def count_macs(module: Any, example_inputs: tuple[Any, ...]) -> int:
    """Multiply-accumulates of one call in evaluation mode, as torch counts them: convolutions, linear and recurrent
    layers, and the products of attention.

    The shapes suffice for it, without numbers; where a network does not run so, it is run with its numbers. Recurrent
    layers always are, and without oneDNN, whose LSTM is not counted.
    """
    import torch

    if not any(isinstance(part, torch.nn.RNNBase) for part in module.modules()):
        try:
            bare = copy.deepcopy(module).to("meta")
            return _counted(bare, tuple(_bare(each) for each in example_inputs))
        except Exception:  # noqa: BLE001 - tensors made on the processor, decisions on values
            pass
    with _no_warnings(), torch.backends.mkldnn.flags(enabled=False):
        return _counted(module, example_inputs)


def _bare(value: Any) -> Any:
    import torch

    return value.to("meta") if isinstance(value, torch.Tensor) else value


def _counted(module: Any, inputs: tuple[Any, ...]) -> int:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    with (
        _no_warnings(),
        evaluating(module),
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        module(*inputs)
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
    with contextlib.suppress(NotImplementedError):  # an exported program has one mode
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
