"""`prune_file` with low ranks: one target with channels, the card, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edgemm.artifact import read_artifact
from edgemm.converters import convert, prune_file
from edgemm.converters.latency import Latency
from edgemm.converters.prepare import prepare
from edgemm.errors import InputError
from edgemm.quantize.reference import serialize


def same(ms: float) -> Latency:
    return Latency(ms, ms, ms, 1)


class Reader(nn.Module):  # type: ignore[misc]
    """A convolution, then large layers of which the first has a weight of rank 8."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.wide, self.last = nn.Linear(16 * 64, 128), nn.Linear(128, 4)
        with torch.no_grad():
            self.wide.weight.copy_(torch.randn(128, 8) @ torch.randn(8, 1024) / 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv(x)).flatten(1)
        return self.last(torch.relu(self.wide(x)))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("source") / "reader.onnx"
    path.write_bytes(serialize(prepare(Reader().eval(), (torch.zeros(1, 1, 8, 8),)).model))
    return path


@pytest.fixture
def by_size(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A clock that counts bytes, and the formats that it was asked for."""
    asked = list[str]()

    def count(files: Sequence[Any], sample: Any) -> list[Latency]:
        asked.extend(each.format for each in files)
        return [same(len(each.payload) / 1e6) for each in files]

    for module in ("file", "graphs", "turns"):
        monkeypatch.setattr(f"edgemm.converters.pruning.{module}.in_turns", count)
    return asked


DATA = list(np.random.default_rng(0).standard_normal((48, 1, 1, 8, 8)).astype(np.float32))


def weights(path: Path) -> dict[str, tuple[int, ...]]:
    graph = onnx.load_model_from_string(read_artifact(path).payload).graph
    return {each.name: tuple(each.dims) for each in graph.initializer}


def test_a_target_that_low_ranks_meet_costs_no_channel(
    source: Path, tmp_path: Path, by_size: list[str]
) -> None:
    done = prune_file(source, output=tmp_path / "a.onnx", target="macs=0.5", calibrate=DATA, low_rank=0.99)
    assert {each.kind for each in done.report.removed} == {"rank"}
    assert done.report.left("macs") <= 0.5
    assert done.fidelity.worst_db > 90  # the weight has that rank
    assert any(shape[0] == 8 and 1024 in shape for shape in weights(done.output).values())


def test_channels_go_where_low_ranks_do_not_reach_the_one_target(
    source: Path, tmp_path: Path, by_size: list[str]
) -> None:
    target = 0.05
    done = prune_file(
        source, output=tmp_path / "a.onnx", target=f"macs={target}", calibrate=DATA, low_rank=0.99
    )
    assert {each.kind for each in done.report.removed} == {"rank", "channels"}
    assert 0.6 * target < done.report.left("macs") <= target
    assert done.report.before["macs"] == 16 * 64 * 9 + 1024 * 128 + 128 * 4  # of the source
    assert [each.after for each in done.report.removed if each.kind == "rank"] == [8]


def test_the_nearest_target_is_a_fraction_of_the_source(
    source: Path, tmp_path: Path, by_size: list[str]
) -> None:
    """The same text as without low ranks, and lower."""
    with pytest.raises(InputError, match=r"low ranks in 1 layers, .*the nearest is macs=(0\.0\d+)") as caught:
        prune_file(source, output=tmp_path / "a.onnx", target="macs=0.001", calibrate=DATA, low_rank=0.99)
    assert not list(tmp_path.iterdir())
    nearest = float(str(caught.value).split("nearest is macs=")[1].split(". ")[0])
    again = prune_file(
        source, output=tmp_path / "a.onnx", target=f"macs={nearest}", calibrate=DATA, low_rank=0.99
    )
    assert again.report.left("macs") <= nearest


@pytest.mark.parametrize("runtime", ["onnx", "tflite"])
def test_layers_are_measured_in_the_runtime_that_is_asked_for(
    runtime: Any, source: Path, tmp_path: Path, by_size: list[str]
) -> None:
    prune_file(
        source, output=tmp_path / "a.onnx", target="macs=0.5", calibrate=DATA, low_rank=0.99, runtime=runtime
    )
    assert set(by_size[:-4]) == {runtime}  # the last are both runtimes, for the report


@pytest.mark.parametrize("target", ["size=0.6", "parameters=0.5", "ms=0.3"])
def test_other_targets(target: str, source: Path, tmp_path: Path, by_size: list[str]) -> None:
    done = prune_file(source, output=tmp_path / "a.onnx", target=target, calibrate=DATA, low_rank=0.99)
    measure, value = target.split("=")
    assert {each.kind for each in done.report.removed} == {"rank"}
    found = done.report.after["ms"] if measure == "ms" else done.report.left(measure)
    assert found <= float(value)


def test_the_card_records_it_and_convert_goes_on(source: Path, tmp_path: Path, by_size: list[str]) -> None:
    done = prune_file(source, output=tmp_path / "a.onnx", target="macs=0.5", calibrate=DATA, low_rank=0.99)
    step = done.card.history[-1]
    assert (step.step, step.details["low_rank"]) == ("pruned", 0.99)
    assert any(each.endswith("rank") for each in step.details["removed"])
    for name in ("b.tflite", "b.onnx"):
        made = convert(done.output, output=tmp_path / name, calibrate=DATA, scheme="static", gate="warn")
        assert [each.step for each in made.card.history] == ["pruned"]
        assert made.fidelity is not None
        assert made.fidelity.worst_db > 15


def test_nothing_is_replaced_where_nothing_is_faster(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("file", "graphs", "turns"):
        monkeypatch.setattr(
            f"edgemm.converters.pruning.{module}.in_turns",
            lambda files, sample: [same(1.0) for _ in files],
        )
    done = prune_file(source, output=tmp_path / "a.onnx", target="macs=0.5", calibrate=DATA, low_rank=0.99)
    assert {each.kind for each in done.report.removed} == {"channels"}
    assert any("would not be faster" in note for note in done.notes)


def test_a_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="low_rank: a torch module"):
        prune_file(
            Reader(), (torch.zeros(1, 1, 8, 8),), output=tmp_path / "a.onnx", target="macs=0.5", calibrate=DATA,
            low_rank=0.99,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())
