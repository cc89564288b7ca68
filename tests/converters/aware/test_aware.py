"""From a module to a trained int8 file: the device computes what was trained, and regains what rounding took.

Truth is the network in torch as it trained, and the float module before that.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgemm
from edgemm.converters import convert
from edgemm.errors import CalibrationError, InputError, UnsupportedOperator

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from aware_networks import NETWORKS, conv, network  # noqa: E402
from torch import nn  # noqa: E402

from edgemm.converters import aware  # noqa: E402
from edgemm.converters.measure import run_artifact  # noqa: E402
from edgemm.converters.samples import Samples  # noqa: E402
from edgemm.converters.written import Format, Settings, write_plan  # noqa: E402
from edgemm.quantize import calibrate, make_plan  # noqa: E402

FORMATS: tuple[Format, ...] = ("onnx", "tflite")
APART = ("attention", "gru", "lstm", "pools", "rnn")
"""Their formats round otherwise, so that these are trained for each."""


def drawn(shape: tuple[int, ...], count: int, seed: int = 0) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(shape).astype(np.float32) for _ in range(count)]


def prepared(name: str, **options: Any) -> tuple[aware.Aware, list[Any]]:
    module, shape = network(name)
    data = drawn(shape, 48)
    options = {"calibrate": data[:16], "scheme": "static", **options}
    return aware.prepare(module, (torch.zeros(shape),), **options), data


def train(made: aware.Aware, data: list[Any], rounds: int = 4, rate: float = 1e-3) -> list[float]:
    x = torch.from_numpy(np.concatenate(data))
    aim = made.teacher(x)
    scales = made.module.scale_parameters()
    groups = [{"params": made.module.weight_parameters(), "lr": rate}]
    optimizer = torch.optim.Adam([*groups, {"params": scales, "lr": rate * 5}] if scales else groups)
    losses = []
    for _ in range(rounds):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(made.module(x), aim)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@cache
def trained(name: str, format_: Format | None) -> tuple[aware.Aware, list[Any]]:
    """Trained once for all files that are written of it; not to be changed."""
    made, data = prepared(name, format=format_)
    train(made, data)
    return made, data


CASES: list[tuple[str, Format, Format | None]] = [
    (name, suffix, suffix) for name in NETWORKS for suffix in FORMATS
]
CASES += [(name, suffix, None) for name in NETWORKS if name not in APART for suffix in FORMATS]


@pytest.mark.parametrize(("name", "suffix", "format_"), CASES)
def test_the_file_is_within_a_step_of_what_was_trained(
    name: str, suffix: Format, format_: str | None
) -> None:
    made, data = trained(name, format_)
    assert apart(made, suffix, drawn(data[0].shape, 60, seed=9)).max() <= 1.01


def test_pools_that_are_trained_for_no_format_are_within_two_steps_in_tflite() -> None:
    """Halves go to even in ONNX Runtime and away from zero in LiteRT, and what follows makes two steps of it."""
    made, data = prepared("pools")
    train(made, data)
    far = apart(made, "tflite", drawn(data[0].shape, 60, seed=9))
    assert far.max() <= 2.01
    assert (far > 1.01).mean() < 0.01


def apart(made: aware.Aware, suffix: Format, data: list[Any]) -> Any:
    """In steps of the output's grid: the file in its runtime against the network in torch."""
    source = made.source()
    ranges = calibrate(source.model, made.samples.inputs)
    plan = make_plan(
        source.model, ranges, target=made.plan.target, scheme="static", float_nodes=source.float_nodes()
    )
    written = write_plan(source.model, plan, suffix, Settings())
    samples = Samples(tuple({made.module.input_names[0]: each} for each in data))
    (port,) = written.outputs
    ours = np.stack([each[port.name] for each in run_artifact(written, samples).outputs])
    theirs = np.stack([source.answers(each)[port.name] for each in samples.inputs])
    return np.abs(ours - theirs) / plan.activations[port.name].scalar


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_says_that_it_was_trained_and_how_near_it_is(suffix: str, tmp_path: Path) -> None:
    made, data = prepared("conv")
    train(made, data)
    done = made.convert(tmp_path / f"made.{suffix}", evaluate=data)
    assert done.card.quantization["training"] == "quantization-aware"
    assert any("of the trained network" in note for note in done.notes)
    assert not any("another grid" in note or "another precision" in note for note in done.notes)
    assert any("ranges were trained" in note for note in done.notes)
    assert not any("source is quantized" in note for note in done.notes)
    assert done.card.source_sha256 == made.prepared.sha256
    with edgemm.load(done.output) as model:
        assert model.card.name == done.card.name
        (step,) = model.card.history
        assert (step.step, step.details) == ("quantization_aware", {"target": "cpu", "scheme": "static"})


@pytest.mark.parametrize("suffix", FORMATS)
def test_untrained_it_is_the_plain_conversion(suffix: str, tmp_path: Path) -> None:
    made, data = prepared("depthwise")
    module, shape = network("depthwise")
    ours = made.convert(tmp_path / f"ours.{suffix}", evaluate=data)
    plain = convert(
        module, (torch.zeros(shape),), output=tmp_path / f"plain.{suffix}", scheme="static", calibrate=data[:16],
        evaluate=data,
    )  # fmt: skip
    assert ours.fidelity.outputs[0].snr_db == pytest.approx(plain.fidelity.outputs[0].snr_db, abs=0.5)
    _says_nothing_of_training(ours)


def _says_nothing_of_training(done: Any) -> None:
    told = [note for note in done.notes if "train" in note or "source is quantized" in note]
    assert told == ["weights and ranges are those before training"]
    assert [each.step for each in done.card.history] == []
    assert "training" not in done.card.quantization


def test_training_that_is_undone_is_not_told(tmp_path: Path) -> None:
    made, data = prepared("conv")
    start = {name: value.clone() for name, value in made.module.state_dict().items()}
    train(made, data, rounds=1)
    made.module.load_state_dict(start)
    _says_nothing_of_training(made.convert(tmp_path / "made.tflite", evaluate=data))


def test_weights_alone_were_trained(tmp_path: Path) -> None:
    """Ranges stay as calibrated, so no trained range is told of."""
    made, data = prepared("conv", learned=False)
    train(made, data, rounds=1)
    done = made.convert(tmp_path / "made.tflite", evaluate=data)
    assert not any("ranges were trained" in note for note in done.notes)
    assert [each.step for each in done.card.history] == ["quantization_aware"]


def test_training_regains_what_badly_scaled_channels_lose() -> None:
    torch.manual_seed(1)
    module = conv().eval()
    with torch.no_grad():
        factors = torch.logspace(-1.5, 1.5, 8)
        module[0].weight.mul_(factors[:, None, None, None])
        module[0].bias.mul_(factors)
        module[1].running_var.fill_(1.0)
        module[3].weight.div_(factors[None, :, None, None])
    data = drawn((1, 3, 16, 16), 64)
    made = aware.prepare(module, (torch.zeros(1, 3, 16, 16),), calibrate=data[:32])
    losses = train(made, data, rounds=150, rate=3e-3)
    assert losses[-1] < 0.5 * losses[0]


def test_the_teacher_is_the_float_module() -> None:
    module, shape = network("residual")
    data = drawn(shape, 5)
    made = aware.prepare(module, (torch.zeros(shape),), calibrate=data)
    x = torch.from_numpy(np.concatenate(data))
    train(made, data)
    assert torch.equal(made.teacher(x), torch.cat([module(each[None]) for each in x]).detach())


def test_training_leaves_the_module_alone() -> None:
    module, shape = network("conv")
    before = {name: each.clone() for name, each in module.state_dict().items()}
    made = aware.prepare(module, (torch.zeros(shape),), calibrate=drawn(shape, 8))
    train(made, drawn(shape, 8))
    assert all(torch.equal(each, before[name]) for name, each in module.state_dict().items())


def test_an_onnx_file_trains_too(tmp_path: Path) -> None:
    module, shape = network("conv")
    convert(module, (torch.zeros(shape),), output=tmp_path / "float.onnx", scheme="float")
    data = drawn(shape, 16)
    made = aware.prepare(tmp_path / "float.onnx", calibrate=data)
    train(made, data)
    done = made.convert(tmp_path / "made.tflite", evaluate=data)
    assert done.scheme == "static"
    assert done.output.exists()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"target": "corel"}, InputError, "coral"),
        ({"scheme": "float"}, InputError, "nothing is rounded"),
        ({"scheme": "statik"}, InputError, "static"),
        ({"format": "tflight"}, InputError, "tflite"),
        ({"target": "coral", "format": "onnx"}, InputError, "target coral runs tflite"),
        ({"limit": 0}, InputError, "limit"),
        ({"learned": 1}, InputError, "learned"),
        ({"calibrate": None}, InputError, "real data"),
        ({"calibrate": []}, InputError, "calibrate"),
        ({"calibrate": [np.full((1, 3, 16, 16), np.nan, np.float32)] * 4}, CalibrationError, "NaN"),
        ({"calibrate": [np.zeros((1, 3, 9, 16), np.float32)] * 4}, InputError, "expected"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        prepared("conv", **options)


def test_an_operator_that_cannot_train_is_named() -> None:
    class Odd(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return torch.cumsum(x, -1)

    shape = (1, 3, 8, 8)
    with pytest.raises(UnsupportedOperator, match="no form in torch for CumSum"):
        aware.prepare(Odd(), (torch.zeros(shape),), calibrate=drawn(shape, 4), format="onnx")


def test_a_tflite_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOperator, match="Start from the ONNX or torch model"):
        aware.prepare(tmp_path / "made.tflite", calibrate=[])


def test_what_was_decided_is_not_decided_again(tmp_path: Path) -> None:
    made, _ = prepared("conv")
    with pytest.raises(InputError, match="target: was decided"):
        made.convert(tmp_path / "made.onnx", target="arm")
    assert not any(tmp_path.iterdir())
