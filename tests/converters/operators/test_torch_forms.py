"""Modules as torch's two exporters write them, against torch itself."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

BOTH, DYNAMO = ("dynamo", "torchscript"), ("dynamo",)


def _real(*shape: int) -> Any:
    return torch.from_numpy(np.random.default_rng([3, *shape]).standard_normal(shape).astype(np.float32))


def _whole(*shape: int, low: int = -50, high: int = 50) -> Any:
    return torch.from_numpy(np.random.default_rng([4, low + 99, *shape]).integers(low, high, shape))


def _attention(q: Any, k: Any, v: Any) -> Any:
    scores = torch.softmax(torch.einsum("bqhd,bkhd->bhqk", q, k), -1)
    return torch.einsum("bhqk,bkhd->bqhd", scores, v)


def _split_attention(x: Any) -> Any:
    q, k, v = x.chunk(3, -1)
    return torch.softmax(q @ k.transpose(-1, -2), -1) @ v


FORMS: dict[str, tuple[Callable[..., Any], list[Any], tuple[str, ...]]] = {
    "chunk": (lambda x: x.chunk(3, 1), [_real(2, 7, 4)], BOTH),
    "chunk of queries, keys and values": (_split_attention, [_real(2, 5, 12)], BOTH),
    "split by size": (lambda x: x.split(2, 1), [_real(2, 7, 4)], BOTH),
    "split by sizes": (lambda x: x.split([1, 4, 2], 1)[1], [_real(2, 7, 4)], BOTH),
    "unbind and stack": (lambda x: torch.stack([2 * t for t in x.unbind(0)], -1), [_real(3, 4)], BOTH),
    "einsum attention": (_attention, [_real(2, 5, 3, 4), _real(2, 6, 3, 4), _real(2, 6, 3, 5)], BOTH),
    "remainder": (torch.remainder, [_whole(40), _whole(40, low=1)], BOTH),
    "fmod": (torch.fmod, [_whole(40), _whole(40, low=1)], BOTH),
    "fmod of real numbers": (torch.fmod, [_real(40) * 9, _real(40)], BOTH),
    "floor_divide": (torch.floor_divide, [_whole(40), _whole(40, low=1)], DYNAMO),
    "bits": (lambda a, b: ((a & b) | 5) ^ ~b, [_whole(40), _whole(40, low=-9)], DYNAMO),
    "shifts": (lambda a: (a << 3) + (a >> 2), [_whole(40)], DYNAMO),
    "shifts of 8 bits": (lambda a: a >> 2, [_whole(40, low=0, high=200).to(torch.uint8)], DYNAMO),
    "cumsum": (lambda x: x.cumsum(-1), [_real(3, 7)], BOTH),
    "take_along_dim": (lambda x, i: torch.take_along_dim(x, i, 1), [_real(3, 7), _whole(3, 4, low=0, high=7)],
                       DYNAMO),
    "index_select": (lambda x, i: torch.index_select(x, 0, i - 1), [_real(6, 3), _whole(4, low=1, high=6)], BOTH),
    "indices from the end": (lambda x, i: x[:, i], [_real(2, 6, 3), _whole(4, low=-6, high=6)], BOTH),
}  # fmt: skip
CASES = [(form, way) for form, (_, _, ways) in FORMS.items() for way in ways]


class _Module(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *arrays: Any) -> Any:
        return self.function(*arrays)


def _exported(module: Any, given: list[Any], way: str) -> onnx.ModelProto:
    if way == "dynamo":
        from edgemm.converters.importers import export_torch

        made: onnx.ModelProto = ir.to_proto(export_torch(module, tuple(given)))
        return made
    file = io.BytesIO()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, tuple(given), file, dynamo=False, opset_version=17)
    finally:
        logging.disable(logging.NOTSET)
    return onnx.load_from_string(file.getvalue())


def _held(agree: Any, module: Any, given: list[Any], way: str) -> None:
    with torch.no_grad():
        answered = module(*given)
    truth = [each.numpy() for each in (answered if isinstance(answered, tuple | list) else (answered,))]
    proto = _exported(module, given, way)
    feeds = {value.name: each.numpy() for value, each in zip(proto.graph.input, given, strict=True)}
    agree(proto, feeds, truth)


@pytest.mark.parametrize(("form", "way"), CASES)
def test_a_form_of_torch_is_torchs(agree: Any, form: str, way: str) -> None:
    function, given, _ = FORMS[form]
    _held(agree, _Module(function).eval(), given, way)


@pytest.mark.parametrize("way", BOTH)
def test_an_lstm_may_have_the_batch_first(agree: Any, way: str) -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)

    class Whole(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Any) -> Any:
            return self.layer(x)[0]

    _held(agree, Whole().eval(), [_real(2, 7, 3)], way)


def test_a_scripted_loop_is_written_out(agree: Any) -> None:
    class Steps(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.turn = torch.nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
            state, told = torch.zeros_like(x[:, 0]), []
            for step in range(x.shape[1]):
                state = torch.tanh(self.turn(state) + x[:, step])
                told.append(state)
            return torch.stack(told, 1)

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(Steps().eval())
    assert "Loop" in {
        node.op_type for node in _exported(scripted, [_real(2, 5, 4)], "torchscript").graph.node
    }
    _held(agree, scripted, [_real(2, 5, 4)], "torchscript")
