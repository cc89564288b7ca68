"""Slow for its size: torch takes seconds to start its exporter."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm.converters import convert
from edgemm.converters.importers import export_program, export_torch
from edgemm.converters.passes import canonicalize
from edgemm.errors import ConversionError, InputError, MissingDependency, UnsupportedOperator
from edgemm.quantize.reference import Reference

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.slow


@pytest.fixture
def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.5),
        torch.nn.AvgPool2d(3, 2, 1, ceil_mode=True),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 3),
    )


def test_the_graph_computes_what_the_module_does(network: Any, capfd: pytest.CaptureFixture[str]) -> None:
    example = torch.randn(1, 1, 6, 6)
    network.train()
    network(example.repeat(4, 1, 1, 1))  # statistics other than the initial ones
    model = export_torch(network, (example,))
    assert capfd.readouterr().out == ""
    assert network.training
    canonicalize(model)
    network.eval()
    expected = network(example).detach().numpy()
    found = Reference(model, optimize=False).run({str(model.graph.inputs[0].name): example.numpy()})
    np.testing.assert_allclose(next(iter(found.values())), expected, rtol=1e-5, atol=1e-6)  # float32 sums


def test_attention_is_written_out_although_torch_has_a_fast_path() -> None:
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    example = torch.randn(1, 5, 8)
    model = export_torch(torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval(), (example,))
    canonicalize(model)
    assert torch.backends.mha.get_fastpath_enabled()
    with torch.no_grad():
        expected = layer(example).numpy()
    found = Reference(model, optimize=False).run({str(model.graph.inputs[0].name): example.numpy()})
    np.testing.assert_allclose(next(iter(found.values())), expected, rtol=1e-4, atol=1e-5)  # float32 sums


def test_what_is_exported_shares_no_memory_with_the_module(network: Any) -> None:
    model = export_torch(network, (torch.randn(1, 1, 6, 6),))
    before = model.graph.initializers["6.bias"].const_value
    assert before is not None
    kept = before.numpy().copy()
    with torch.no_grad():
        network[6].bias += 1.0
    np.testing.assert_array_equal(before.numpy(), kept)


class Branching(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


class TooFew(torch.nn.Module):  # type: ignore[misc, name-defined]
    def forward(self, x: Any) -> Any:
        return x.mean((2, 3))


@pytest.mark.parametrize(("module", "shape"), [(Branching, (2,)), (TooFew, (2, 3, 4))])
def test_a_failed_export_says_why_and_nothing_else(
    module: Any, shape: tuple[int, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("torch")
    before = logger.level
    with pytest.raises(ConversionError, match=f"torch cannot export {module.__name__}: "):
        export_torch(module(), (torch.randn(*shape),))
    assert tuple(capfd.readouterr()) == ("", "")
    assert logger.level == before


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda x: x, r"found a Tensor; write \(x,\)"),
        (lambda x: {"x": x}, "found a dict; write"),
        (lambda x: (x.numpy(),), "found a NumPy array at index 0; torch.from_numpy"),
        (lambda _: 3, "found an int; write"),
    ],
)
def test_example_inputs_that_are_no_tuple_of_tensors(
    network: Any, make: Any, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=f"example_inputs: expected a tuple of tensors, {said}"):
        convert(network, make(torch.randn(1, 1, 6, 6)), output=tmp_path / "a.tflite")
    with pytest.raises(InputError, match=said):
        export_torch(network, make(torch.randn(1, 1, 6, 6)))
    assert capfd.readouterr().err == ""


def test_something_else_than_a_module_is_refused() -> None:
    with pytest.raises(InputError, match="found int"):
        export_torch(3, ())


def test_without_torch_the_install_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency, match=r"edgemm\[torch\]"):
        export_torch(object(), ())


def test_an_exported_program_is_the_same_graph(network: Any, tmp_path: Path) -> None:
    example = torch.randn(1, 1, 6, 6)
    network.eval()
    torch.export.save(torch.export.export(network, (example,)), tmp_path / "net.pt2")
    model = export_program(tmp_path / "net.pt2")
    canonicalize(model)
    found = Reference(model, optimize=False).run({str(model.graph.inputs[0].name): example.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(next(iter(found.values())), network(example).numpy(), rtol=1e-5, atol=1e-6)


def test_a_file_that_is_no_exported_program(tmp_path: Path) -> None:
    (tmp_path / "net.pt2").write_bytes(b"PK not really")
    with pytest.raises(InputError, match=r"torch\.export\.save"):
        export_program(tmp_path / "net.pt2")


def test_one_tensor_given_twice_is_two_inputs() -> None:
    class Both(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, a: Any, b: Any) -> Any:
            return a * 2 + b

    same = torch.zeros(1, 3)
    model = export_torch(Both(), (same, same))
    assert len(model.graph.inputs) == 2
    uses = [len(value.uses()) for value in model.graph.inputs]
    assert uses == [1, 1]


class Heads(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Gives its outputs by name, in any structure."""

    def __init__(self, give: Any) -> None:
        super().__init__()
        self.first, self.second, self.give = torch.nn.Linear(4, 3), torch.nn.Linear(4, 2), give

    def forward(self, x: Any) -> Any:
        return self.give(self.first(x), self.second(x), x)


@pytest.mark.parametrize(
    ("give", "names"),
    [
        (lambda a, b, x: {"scores": a, "boxes": b}, ["scores", "boxes"]),
        (lambda a, b, x: {"z": b, "aux": {"inner": a}}, ["z", "aux_inner"]),
        (lambda a, b, x: {"all heads": [a, b]}, ["all_heads_0", "all_heads_1"]),
        (lambda a, b, x: {"linear_1": a, "linear": b}, ["linear_1", "linear"]),
        (lambda a, b, x: {"x": a, "y": b}, [None, "y"]),
        (lambda a, b, x: {"linear": torch.relu(a), "y": b}, ["linear", "y"]),
        (lambda a, b, x: (a, b), [None, None]),
    ],
    ids=["flat", "nested", "list", "crossed", "as the input", "as a layer", "tuple"],
)
def test_outputs_have_the_keys_of_a_dictionary(give: Any, names: list[str | None]) -> None:
    torch.manual_seed(0)
    module, example = Heads(give).eval(), torch.randn(1, 4)
    model = export_torch(module, (example,))
    found = [value.name for value in model.graph.outputs]
    assert all(name in (None, each) for name, each in zip(names, found, strict=True))
    assert len(set(found) | {"x"}) == len(found) + 1
    values = [value.name for node in model.graph for value in node.outputs]
    assert len(set(values)) == len(values)
    canonicalize(model)
    flat = torch.utils._pytree.tree_leaves(module(example))
    ran = Reference(model, optimize=False).run({str(model.graph.inputs[0].name): example.numpy()})
    for expected, name in zip(flat, found, strict=True):
        np.testing.assert_allclose(
            ran[str(name)], expected.detach().numpy(), rtol=1e-5, atol=1e-6
        )  # float32 sums


class Called(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A function as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *given: Any) -> Any:
        return self.function(*given)


LACKED = {
    "cumprod": Called(lambda x: torch.cumprod(x, 1)),
    "cdist": Called(lambda x: torch.cdist(x, x[:, :2] + 1)),
    "cdist, sums": Called(lambda x: torch.cdist(x, x + 1, p=1.0)),
    "cdist, cubes": Called(lambda x: torch.cdist(x, x + 1, p=3.0)),
    "cdist, largest": Called(lambda x: torch.cdist(x, x + 1, p=float("inf"))),
    "rrelu": torch.nn.RReLU(0.1, 0.5),
    "log sigmoid": torch.nn.Sequential(Called(lambda x: x * 20), torch.nn.LogSigmoid()),
}
"""Operators that the exporter has no form of, or a poor one."""


@pytest.mark.parametrize("name", LACKED)
def test_operators_that_the_exporter_lacks(name: str) -> None:
    module = LACKED[name].eval()
    example = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    model = export_torch(module, (example,))
    canonicalize(model)
    expected = module(example).numpy()
    found = Reference(model, optimize=False).run({str(model.graph.inputs[0].name): example.numpy()})
    np.testing.assert_allclose(next(iter(found.values())), expected, rtol=1e-5, atol=1e-6)  # float32 sums


def test_an_operator_without_any_form_is_named_with_what_to_write() -> None:
    module = Called(lambda x: torch.special.bessel_j0(x))
    with pytest.raises(UnsupportedOperator, match=r"no ONNX form of [\w.:]*bessel_j0.*dynamo=False"):
        export_torch(module, (torch.randn(2, 4),))


@pytest.mark.filterwarnings("ignore:The tensor attribute:UserWarning")  # torch.export of an LSTM
@pytest.mark.parametrize("way", ["module", "program"])
def test_a_projection_of_an_lstm_is_named(way: str, tmp_path: Path) -> None:
    layer = torch.nn.LSTM(4, 6, num_layers=2, proj_size=3, bidirectional=True)
    module, example = torch.nn.Sequential(layer).eval(), (torch.randn(5, 2, 4),)
    path = tmp_path / "projected.pt2"
    if way == "program":
        torch.export.save(torch.export.export(module, example), path)
    with pytest.raises(UnsupportedOperator, match=r"layer '0' \(nn.LSTM\) has proj_size 3.*with proj_size 0"):
        export_torch(module, example) if way == "module" else export_program(path)
