"""A small driver for tests, and its bundle: two networks over running sound, one with a state.

`sum` adds the samples of each chunk to what it heard before, `scale` doubles; the level is that, times a number from an
asset, times the option `gain`.
"""

from __future__ import annotations

import json
import wave
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pytest
from needs import package

from edgemm.artifact import write_artifact
from edgemm.card import InputCard, ModelCard, OutputCard, StatePair, drivers
from edgemm.errors import CardError
from edgemm.media import AudioBlock, Captured
from edgemm.results import Tensors as TensorsResult
from edgemm.session import NO_CLOCK, Cancellation, Emission, Gap, StageClock
from edgemm.tasks.driver import Tensors

onnx = package("onnx")
TensorProto = onnx.TensorProto
helper = package("onnx.helper")

CHUNK, RATE, TABLE = 4, 8000, 3.0


@dataclass(frozen=True, slots=True)
class LevelRecipe:
    gain: float = 1.0
    labels: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {"gain": (0, 100)}
    OPTIONS: ClassVar[tuple[str, ...]] = ("gain",)

    def check(self) -> None:
        if self.gain == 13:
            raise CardError("gain: expected another number than 13")


class LevelDriver:
    """See `edgemm.tasks.driver.Driver`."""

    name: ClassVar[str] = "level"
    task: ClassVar[str] = "tensors"
    roles: ClassVar[tuple[str, ...]] = ("sum", "scale")
    optional: ClassVar[tuple[str, ...]] = ("spare",)
    assets: ClassVar[tuple[str, ...]] = ("table",)
    modality: ClassVar[Literal["image", "audio", "text"]] = "audio"
    Recipe: ClassVar[type[Any]] = LevelRecipe

    def tensors(self, recipe: LevelRecipe) -> Mapping[str, Tensors]:
        return {
            "sum": Tensors({"frame": (1, CHUNK)}, {"heard": (1, 1)}),
            "scale": Tensors({"value": (1, None)}, {"out": None}),
        }

    def session(
        self,
        recipe: LevelRecipe,
        parts: Mapping[str, Any],
        assets: Mapping[str, bytes],
        options: Mapping[str, Any],
    ) -> LevelSession:
        try:
            number = float(assets["table"])
        except ValueError as error:
            raise CardError(f"asset 'table': expected a number, found {assets['table'][:20]!r}") from error
        return LevelSession(parts, number * recipe.gain)


class LevelSession:
    modality: Literal["image", "audio", "text"] = "audio"

    def __init__(self, parts: Mapping[str, Any], factor: float) -> None:
        self.parts, self.factor = parts, factor
        self.cancelled = Cancellation()
        self.rest = np.empty(0, np.float32)
        self.closed = 0

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        assert isinstance(item, AudioBlock)
        self.cancelled.renew()
        self.rest = np.concatenate([self.rest, item.samples])
        while len(self.rest) >= CHUNK and not self.cancelled:
            frame, self.rest = self.rest[:CHUNK], self.rest[CHUNK:]
            heard = self.parts["sum"].step({"frame": frame.reshape(1, CHUNK)}).real("heard")
            level = self.parts["scale"].step({"value": heard}).real("out") * np.float32(self.factor)
            yield Emission(TensorsResult({"level": level[0].copy()}), item.captured_ns, item.captured_ns)

    def whole(self, item: Captured) -> TensorsResult:
        found = [each.value for each in self.feed(item, NO_CLOCK)]
        assert isinstance(found[-1], TensorsResult)
        return found[-1]

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        self.reset()
        return ()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        return ()

    def cancel(self) -> None:
        self.cancelled.cancel()

    def reset(self) -> None:
        for part in self.parts.values():
            part.reset()
        self.rest = np.empty(0, np.float32)

    def close(self) -> None:
        self.closed += 1
        for part in self.parts.values():
            part.close()


def level(samples: npt.NDArray[Any], gain: float = 1.0) -> npt.NDArray[np.float32]:
    """What the bundle answers after each chunk, by hand."""
    whole = samples[: len(samples) // CHUNK * CHUNK].reshape(-1, CHUNK)
    return np.asarray(whole.sum(axis=1).cumsum() * 2 * TABLE * gain, np.float32)


@pytest.fixture
def level_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver stands in the table."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(drivers, "DRIVERS", {**drivers.DRIVERS, "level": "level_bundle:LevelDriver"})


@pytest.fixture
def level_folder(tmp_path: Path, level_driver: None) -> Path:
    """A folder with the bundle, without hashes."""
    return write_folder(tmp_path / "levels")


def write_folder(folder: Path) -> Path:
    (folder / "tables").mkdir(parents=True)
    write_sum(folder / "sum.onnx")
    write_scale(folder / "scale.onnx")
    (folder / "tables" / "table.txt").write_text(f"{TABLE}\n")
    write_wav(folder / "said.wav", sound(20))
    expected = {"values": {"level": [float(level(stored(sound(20)))[-1])]}}
    write_card(
        folder,
        {
            "schema": "edgemm.bundle/1",
            "name": "levels",
            "driver": "level",
            "parts": {
                "sum": {"file": "sum.onnx"},
                "scale": {"file": "scale.onnx", "card": {"inputs": [{"name": "value", "shape": [1, 1]}]}},
            },
            "assets": {"table": {"file": "tables/table.txt"}, "said": {"file": "said.wav"}},
            "goldens": [{"asset": "said", "expected": expected, "tolerance": 0.001}],
        },
    )
    return folder


def write_card(folder: Path, content: Mapping[str, Any]) -> None:
    (folder / "bundle.json").write_text(json.dumps(content))


def read_card(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "bundle.json").read_text())
    return content


def sound(count: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(count).uniform(-0.5, 0.5, count).astype(np.float32)


def stored(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """As 16 bits of a WAV file keep them."""
    return np.round(samples.astype(np.float64) * 32767).astype("<i2") / 32768.0


def write_wav(path: Path, samples: npt.NDArray[np.float32]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(samples.astype(np.float64) * 32767).astype("<i2").tobytes())


def write_sum(path: Path) -> None:
    """frame [1, 4], before [1, 1] -> heard = total = before + the sum of the frame."""
    nodes = [
        helper.make_node("ReduceSum", ["frame", "axes"], ["added"], keepdims=1),
        helper.make_node("Add", ["before", "added"], ["total"]),
        helper.make_node("Identity", ["total"], ["heard"]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    data = _network(
        nodes, {"frame": [1, CHUNK], "before": [1, 1]}, {"heard": [1, 1], "total": [1, 1]}, [axes]
    )
    card = ModelCard(
        inputs=(InputCard("frame"), InputCard("before")),
        outputs=(OutputCard("heard"), OutputCard("total")),
        states=(StatePair("total", "before"),),
    )
    write_artifact(path, data, card)


def write_scale(path: Path, name: str = "value") -> None:
    """value [1, 1] -> out = 2 * value; a file without a card."""
    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    node = helper.make_node("Mul", [name, "two"], ["out"])
    path.write_bytes(_network([node], {name: [1, 1]}, {"out": [1, 1]}, [two]))


def _network(
    nodes: list[Any], inputs: Mapping[str, list[int]], outputs: Mapping[str, list[int]], constants: list[Any]
) -> bytes:
    def values(of: Mapping[str, list[int]]) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in of.items()]

    graph = helper.make_graph(nodes, "level", values(inputs), values(outputs), constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    data: bytes = made.SerializeToString()
    return data
