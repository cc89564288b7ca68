"""What cannot be pruned is refused, with the reason and what to do."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edgemm.errors import InputError  # noqa: E402
from edgemm.quantize.prune import Target, prune, sensitivity  # noqa: E402

X = (torch.randn(2, 6, generator=torch.Generator().manual_seed(0)),)
LABELS = torch.tensor([0, 2])


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))


def with_number(name: str, value: float) -> Any:
    net = network()
    net.insert(1, nn.BatchNorm1d(16))
    with torch.no_grad():
        (dict(net.named_parameters()) | dict(net.named_buffers()))[name].view(-1)[3] = value
    return net.eval()


def normed() -> Any:
    net = network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(net[2])
    return net


class Holding(nn.Module):
    """Keeps a tensor that was computed, as old weight norm does."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()
        self.scale = self.net[0].weight.mean() * 2

    def forward(self, x: Any) -> Any:
        return self.net(x) * self.scale


class WithLock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        import threading

        self.net, self.lock = network(), threading.Lock()

    def forward(self, x: Any) -> Any:
        return self.net(x)


class NotANumber(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x: Any) -> Any:
        return (self.net(x) - 1e9).sqrt()


def scripted() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(network())


def traced_part() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(torch.jit.trace(nn.Linear(6, 8), X), nn.Linear(8, 3))


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (normed, r"(?s)layer '2' has torch.nn.utils.weight_norm.*remove_weight_norm"),
        (Holding, "'scale' of the network is a tensor that was computed"),
        (WithLock, "WithLock cannot be copied"),
        (scripted, "torch.jit.*before it is scripted"),
        (traced_part, "layer '0' is made by torch.jit"),
        (lambda: nn.Sequential(nn.LazyLinear(8), nn.Linear(8, 3)), "'0.weight' has no shape yet: call the module once"),
        (lambda: with_number("3.weight", math.nan), "parameter '3.weight' has 1 number of 256 that is NaN or infinite"),
        (lambda: with_number("0.bias", -math.inf), "parameter '0.bias' has 1 number of 16 that is NaN or infinite"),
        (lambda: with_number("1.running_var", math.nan), "buffer '1.running_var' has 1 number of 16 that is NaN"),
        (NotANumber, "NotANumber gives NaN or infinite numbers for the example inputs"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tool", ["prune", "sensitivity"])
def test_modules(module: Any, said: str, tool: str) -> None:
    made = module()
    with pytest.raises(InputError, match=said):
        prune(made, X, target="macs=0.5") if tool == "prune" else sensitivity(made, X, lambda _: 1.0)


def test_example_inputs_that_are_no_numbers() -> None:
    with pytest.raises(InputError, match="example input 0 has NaN"):
        prune(network(), (X[0] * math.nan,), target="macs=0.5")


def test_a_mask_of_minus_infinity_is_no_fault() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()
            self.register_buffer("mask", torch.tensor([0.0, -math.inf, 0.0]))

        def forward(self, x: Any) -> Any:
            return (self.net(x) + self.mask).softmax(-1)

    assert prune(Masked(), X, target="macs=0.7").report.removed


@pytest.mark.parametrize("target", [0.5, None, ("macs", 0.5), {"macs": 0.5}, b"macs=0.5"])
def test_targets_of_another_type(target: Any) -> None:
    with pytest.raises(InputError, match=r'target: expected .* such as "macs=0.5", found'):
        prune(network(), X, target=target)


@pytest.mark.parametrize("value", ["0.5", None, True, 1j])
def test_values_of_a_target_that_are_no_number(value: Any) -> None:
    with pytest.raises(InputError, match="a number above 0"):
        Target("macs", value)


@pytest.mark.parametrize(
    "changes",
    [{"loss": "mse"}, {"between": 3}, {"measure": 4.0}, {"progress": True}, {"keep": None}, {"keep": [3]},
     {"data": 5, "importance": "taylor"}],
)  # fmt: skip
def test_arguments_of_another_type(changes: dict[str, Any]) -> None:
    name = next(iter(changes))
    with pytest.raises(InputError, match=f"^{name}: expected "):
        prune(network(), X, target="macs=0.5", **changes)


def taylor(data: Any, **more: Any) -> Any:
    return prune(network(), X, target="macs=0.5", importance="taylor", data=data, **more)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ((X[0] * math.nan, LABELS), "batch 2 of data: its inputs have NaN or infinite numbers"),
        ((X[0] * math.inf, LABELS), "batch 2 of data: its inputs have NaN or infinite numbers"),
        ((X[0] * 1e38, torch.randn(2, 3)), "batch 2 of data: the loss is (inf|nan)"),
        ((X[0], torch.full((2, 3), math.nan)), "batch 2 of data: its labels have NaN or infinite numbers"),
        ((X[0], torch.tensor([0, 9])), r"batch 2 of data: expected labels of 0..2, found 0..9"),
        ((X[0], torch.tensor([0, -1])), r"batch 2 of data: expected labels of 0..2, found -1..0"),
        (
            (torch.randn(2, 7), LABELS),
            r"batch 2 of data: the module does not run on inputs of shape \(2, 7\)",
        ),
        ((X[0], LABELS[:1]), r"batch 2 of data: labels of shape \(1,\).* do not fit"),
    ],
)
def test_batches_that_nothing_can_be_learned_from(batch: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        taylor([(X[0], LABELS), batch])


def test_labels_that_cross_entropy_leaves_out_are_right() -> None:
    assert taylor([(X[0], torch.tensor([0, -100]))]).report.removed


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda net, batch: net(batch[0]).sum() * math.nan, "batch 1 of data: the loss is nan"),
        (lambda net, batch: (net(batch[0]) * 0).sum().sqrt(), "batch 1 of data: the gradient of '0.weight' is not"),
        (lambda net, batch: 3.0, "loss: expected a tensor of one number, found float"),
        (lambda net, batch: None, "loss: expected a tensor of one number, found NoneType"),
        (lambda net, batch: net(batch[0]), r"loss: expected a tensor of one number, found a tensor of shape \[2, 3\]"),
        (lambda net, batch: net(batch[0]).sum().detach(), "loss: .* does not depend on the parameters"),
    ],
)  # fmt: skip
def test_losses_of_the_callers_own(loss: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        taylor([(X[0], LABELS)], loss=loss)


def test_a_fault_of_the_callers_own_loss_is_the_callers() -> None:
    with pytest.raises(ZeroDivisionError):
        taylor([(X[0], LABELS)], loss=lambda net, batch: 1 / 0)


@pytest.mark.parametrize("score", [None, "good", math.nan])
def test_scores_that_are_no_number(score: Any) -> None:
    with pytest.raises(InputError, match="score: expected a finite number"):
        sensitivity(network(), X, lambda _: score)


def test_training_between_steps_that_failed() -> None:
    def between(net: Any) -> None:
        with torch.no_grad():
            net[0].weight.fill_(math.nan)

    with pytest.raises(InputError, match=r"'0\.weight' has .* NaN"):
        prune(network(), X, target="macs=0.5", steps=2, between=between, multiple_of=1)


def test_the_module_is_not_changed_by_a_refusal() -> None:
    net = network()
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(InputError):
        prune(net, X, target="macs=0.5", importance="taylor", data=[(X[0] * math.nan, LABELS)])
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
