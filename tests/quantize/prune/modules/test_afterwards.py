"""What is pruned can be used as any module: copied, stored, exported, converted."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from edgemm.converters import convert  # noqa: E402
from edgemm.converters.module_latency import ModuleLatency  # noqa: E402
from edgemm.errors import InputError, LatencyMissed  # noqa: E402
from edgemm.quantize.prune import prune  # noqa: E402
from tests.quantize.prune.modules.dead_networks import convolutional, recurrent, transformer  # noqa: E402

NETWORKS = {"convolutional": lambda: convolutional(3, "residual", "dense"), "recurrent": lambda: recurrent(4),
            "transformer": lambda: transformer(2)}  # fmt: skip


@pytest.fixture(scope="module", params=NETWORKS)
def pruned(request: Any) -> tuple[Any, tuple[Any, ...]]:
    network, inputs = NETWORKS[request.param]()
    return prune(network, inputs, target="macs=0.75", scope="uniform").module, inputs


def test_copies_and_states(pruned: tuple[Any, tuple[Any, ...]]) -> None:
    module, inputs = pruned
    copied = copy.deepcopy(module)
    copied.load_state_dict(module.state_dict())
    assert torch.equal(copied(*inputs), module(*inputs))


def test_it_trains(pruned: tuple[Any, tuple[Any, ...]]) -> None:
    module = copy.deepcopy(pruned[0]).train()
    module(*pruned[1]).square().sum().backward()
    assert all(each.grad is not None and each.grad.shape == each.shape for each in module.parameters())


@pytest.mark.parametrize("ending", ["onnx", "tflite"])
def test_it_converts(pruned: tuple[Any, tuple[Any, ...]], ending: str, tmp_path: Path) -> None:
    """The converter holds the float file against the module itself."""
    module, inputs = pruned
    done = convert(module, inputs, output=tmp_path / f"small.{ending}", scheme="float")
    assert min(each.snr_db for each in done.fidelity.outputs) > 80
    assert (tmp_path / f"small.{ending}").stat().st_size > 0


def layers(width: int = 64) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, 4))


X = (torch.zeros(1, 8),)


def test_a_target_in_milliseconds_is_searched_with_the_callable() -> None:
    """A clock that charges 0.1 ms a unit, and half of that more each time, as a machine does that gets busy."""
    calls = [0]

    def measure(module: Any) -> float:
        calls[0] += 1
        return float(module[0].out_features) * 0.1 * (1 + calls[0] // 2 * 0.01)

    done = prune(layers(), X, target="ms=3.3", measure=measure)
    assert done.module[0].out_features == 32
    assert done.report.after["ms"] == pytest.approx(3.2, rel=0.03)


def test_a_latency_that_cannot_be_reached_is_refused_with_the_nearest() -> None:
    with pytest.raises(LatencyMissed, match=r"nearest that can is ms=0\.8"):
        prune(layers(), X, target="ms=0.1", measure=lambda module: module[0].out_features * 0.1)


def test_a_latency_that_is_met_already_is_said() -> None:
    with pytest.raises(InputError, match="met already"):
        prune(layers(), X, target="ms=100", measure=lambda module: 1.0)


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_latency_is_measured_in_the_runtime(format_: Any) -> None:
    measure = ModuleLatency(X, format_)
    large, small = layers(4096), layers(8)
    assert measure(small) > 0
    assert 0 < measure(large) < 1000
    assert np.isfinite(measure(large))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="onnx or tflite"):
        ModuleLatency(X, "pt2")  # type: ignore[arg-type]
