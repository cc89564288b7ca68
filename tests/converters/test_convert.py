"""The whole way from a float model to an artifact on disk, on a small network with real answers."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

import edgemm
from edgemm.artifact import read_artifact
from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.converters import convert
from edgemm.converters.written import Settings
from edgemm.errors import CalibrationError, FidelityMissed, InputError, UnsupportedOperator

TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[1,1,12,12] image) => (float[1,4] scores) {
  c1 = Conv <kernel_shape = [3,3], pads = [1,1,1,1]> (image, w1, b1)
  r1 = Relu (c1)
  p1 = MaxPool <kernel_shape = [2,2], strides = [2,2]> (r1)
  flat = Flatten (p1)
  scores = Gemm <transB = 1> (flat, w2, b2)
}
"""

CARD = ModelCard(
    name="quadrants",
    task="classification",
    labels=("nw", "ne", "sw", "se"),
    inputs=(InputCard("image", "image", image=ImageRecipe(color="gray")),),
    outputs=(OutputCard("scores", decode="logits"),),
)


def quadrants(count: int, seed: int = 0) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Noisy 12x12 pictures with one bright quadrant, and which it is."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    pictures = generator.integers(0, 90, (count, 12, 12))
    for picture, label in zip(pictures, labels, strict=True):
        row, column = divmod(int(label), 2)
        picture[row * 6 : row * 6 + 6, column * 6 : column * 6 + 6] += 120
    return pictures.astype(np.uint8), labels


def tensors(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return (pictures[:, None].astype(np.float32) / np.float32(255.0)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three fixed blur filters, and a last layer fitted by least squares: it really classifies."""
    generator = np.random.default_rng(1)
    w1 = generator.normal(0.11, 0.02, (3, 1, 3, 3)).astype(np.float32)
    proto = onnx.parser.parse_model(TEXT)
    features = _features(tensors(quadrants(400)[0]), w1)
    targets = np.eye(4, dtype=np.float32)[quadrants(400)[1]] * 4 - 2
    w2 = np.linalg.lstsq(features, targets, rcond=None)[0].T.astype(np.float32)
    constants: dict[str, Any] = {
        "w1": w1,
        "b1": np.zeros(3, np.float32),
        "w2": w2,
        "b2": np.zeros(4, np.float32),
    }
    proto.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    path = tmp_path_factory.mktemp("model") / "quadrants.onnx"
    onnx.save(proto, path)
    return path


def _features(images: npt.NDArray[np.float32], w1: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    padded = np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    maps = np.einsum("nhwij,oij->nohw", windows, w1[:, 0])
    pooled: npt.NDArray[np.float32] = maps.reshape(len(images), 3, 6, 2, 6, 2).max(axis=(3, 5))
    return pooled.reshape(len(images), -1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures, labels = quadrants(64, seed=2)
    path = tmp_path_factory.mktemp("data") / "calibration.npz"
    np.savez(path, image=tensors(pictures), labels=labels)
    return path


FORMATS = pytest.mark.parametrize("suffix", ["tflite", "onnx"])


@FORMATS
def test_static_int8_keeps_the_answers(model: Path, data: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"q.{suffix}"
    done = convert(model, output=out, calibrate=data, card=CARD, scheme="static")
    assert done.scheme == "static"
    assert done.fidelity.outputs[0].top1_agreement == 1.0
    assert done.fidelity.outputs[0].snr_db > (25 if suffix == "tflite" else 20)  # weights of 8 bits and of 7
    pictures, labels = quadrants(40, seed=3)
    with edgemm.load(out) as loaded:
        answers = [loaded(picture).to_json()["labels"][0] for picture in pictures]
    assert answers == [CARD.labels[label] for label in labels]


@FORMATS
def test_the_goldens_replay(model: Path, data: Path, tmp_path: Path, suffix: str) -> None:
    convert(model, output=tmp_path / f"q.{suffix}", calibrate=data, card=CARD)
    with edgemm.load(tmp_path / f"q.{suffix}") as loaded:
        outcomes = loaded.replay_goldens()
    assert [outcome.ok for outcome in outcomes] == [True]


@FORMATS
@pytest.mark.parametrize("scheme", ["float", "static", "dynamic"])
def test_the_same_conversion_twice_gives_the_same_bytes(
    model: Path, data: Path, tmp_path: Path, suffix: str, scheme: Any
) -> None:
    for name in ("a", "b"):
        convert(model, output=tmp_path / f"{name}.{suffix}", calibrate=data, card=CARD, scheme=scheme)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_auto_without_data_is_dynamic_and_says_so(model: Path, tmp_path: Path) -> None:
    done = convert(model, output=tmp_path / "q.tflite", card=CARD)
    assert done.scheme == "dynamic"
    assert any("no calibration data" in note for note in done.notes)


def test_without_a_card_it_says_what_it_does_not_know(model: Path, data: Path, tmp_path: Path) -> None:
    done = convert(model, output=tmp_path / "q.onnx", calibrate=data)
    assert any("no card" in note for note in done.notes)
    with edgemm.load(tmp_path / "q.onnx") as loaded:
        assert loaded.card.task == "tensors"


def test_the_card_describes_the_tensors_of_the_file(model: Path, data: Path, tmp_path: Path) -> None:
    done = convert(model, output=tmp_path / "q.tflite", calibrate=data, card=CARD)
    entry = done.card.inputs[0]
    assert (entry.shape, entry.layout) == ((1, 12, 12, 1), "NHWC")
    kept = convert(
        model, output=tmp_path / "k.tflite", calibrate=data, card=CARD, settings=Settings(keep_layout=True)
    )
    assert (kept.card.inputs[0].shape, kept.card.inputs[0].layout) == ((1, 1, 12, 12), "NCHW")


def test_a_folder_of_pictures_calibrates_and_judges(model: Path, tmp_path: Path) -> None:
    import cv2

    pictures, labels = quadrants(32, seed=4)
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        folder = tmp_path / "pictures" / CARD.labels[label]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{index}.png"), picture)
    done = convert(model, output=tmp_path / "q.tflite", calibrate=tmp_path / "pictures", card=CARD)
    assert done.fidelity.outputs[0].accuracy == 1.0


def test_a_missed_gate_leaves_no_file(model: Path, data: Path, tmp_path: Path) -> None:
    with np.load(data) as file:
        narrow = file["image"] * 0.05
    np.savez(tmp_path / "narrow.npz", image=narrow)
    raw = CARD.with_(inputs=(), task="tensors", labels=())
    with pytest.raises(FidelityMissed, match="dB against float"):
        convert(
            model,
            output=tmp_path / "q.tflite",
            calibrate=tmp_path / "narrow.npz",
            evaluate=data,
            card=raw,
            scheme="static",
        )
    assert list(tmp_path.glob("*.tflite*")) == []


def test_a_missed_gate_can_be_a_warning(model: Path, data: Path, tmp_path: Path) -> None:
    with np.load(data) as file:
        narrow = file["image"] * 0.05
    np.savez(tmp_path / "narrow.npz", image=narrow)
    raw = CARD.with_(inputs=(), task="tensors", labels=())
    done = convert(
        model,
        output=tmp_path / "q.onnx",
        calibrate=tmp_path / "narrow.npz",
        evaluate=data,
        card=raw,
        scheme="static",
        gate="warn",
    )
    assert any("gate missed" in note for note in done.notes)


def test_data_normalised_twice_is_refused(model: Path, data: Path, tmp_path: Path) -> None:
    with np.load(data) as file:
        twice = file["image"] / 255.0
    np.savez(tmp_path / "twice.npz", image=twice)
    with pytest.raises(CalibrationError, match="twice"):
        convert(model, output=tmp_path / "q.tflite", calibrate=tmp_path / "twice.npz", card=CARD)


def test_static_without_data_is_a_usage_error(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--calibrate"):
        convert(model, output=tmp_path / "q.tflite", scheme="static")


@pytest.mark.parametrize("name", ["q.txt", "missing/q.tflite"])
def test_an_output_that_cannot_be_is_refused_first(model: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        convert(model, output=tmp_path / name)


def test_an_unknown_operator_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[1,4,4] x) => (float[1] y) { [odd] y = Det (x) }
    """
    onnx.save(onnx.parser.parse_model(text), tmp_path / "odd.onnx")
    with pytest.raises(UnsupportedOperator, match="Det"):
        convert(tmp_path / "odd.onnx", output=tmp_path / "odd.tflite")
    assert not (tmp_path / "odd.tflite").exists()


def test_a_torch_module_goes_in_directly(data: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(144, 4),
        torch.nn.Softmax(dim=1),
    ).eval()
    with np.load(data) as file:
        images = file["image"]
    done = convert(module, (torch.zeros(1, 1, 12, 12),), output=tmp_path / "t.tflite", calibrate=list(images))
    assert done.fidelity.outputs[0].snr_db > 20
    with torch.no_grad():
        expected = module(torch.from_numpy(images[:1])).numpy()
    with edgemm.load(tmp_path / "t.tflite") as loaded:
        name, wanted = loaded.inputs[0].name, loaded.inputs[0]
        stored = loaded.run({name: wanted.quantize(images[:1].transpose(0, 2, 3, 1))})
        found = loaded.outputs[0].dequantize(next(iter(stored.values())))
    assert np.abs(found - expected).max() < 0.05


def test_the_source_is_named_by_its_hash(model: Path, tmp_path: Path) -> None:
    import hashlib

    convert(model, output=tmp_path / "q.onnx", card=replace(CARD, version="7"))
    card = read_artifact(tmp_path / "q.onnx").card
    assert card is not None
    assert card.source_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert card.version == "7"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_data_to_measure_on_that_are_not_finite_are_refused(
    model: Path, tmp_path: Path, value: float
) -> None:
    data = tensors(quadrants(8)[0])
    data[5, 0, 3, 3] = value
    with pytest.raises(
        CalibrationError, match=r"--evaluate: sample 5, input 'image'.*found 1 NaN or infinite"
    ):
        convert(model, output=tmp_path / "m.onnx", evaluate=list(data), card=CARD)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("limit", 2.5, "limit .*whole number"),
        ("limit", True, "limit .*whole number"),
        ("limit", 0, "limit .*from 1"),
        ("shapes", 3, "--shape.*found int"),
        ("constants", [1], "--set.*found list"),
        ("settings", 3, "settings: .*found int"),
        ("progress", 3, "progress: .*found int"),
        ("output", "a" * 5000 + ".onnx", "too long"),
        ("source", "a" * 5000, "too long"),
    ],
)
def test_arguments_of_another_kind_are_refused(
    model: Path, tmp_path: Path, option: str, value: Any, reason: str
) -> None:
    given: dict[str, Any] = {"source": model, "output": tmp_path / "m.onnx", option: value}
    with pytest.raises(InputError, match=reason):
        convert(given.pop("source"), **given)
    assert not list(tmp_path.iterdir())


def test_a_limit_may_be_a_number_of_numpy(model: Path, tmp_path: Path) -> None:
    limit: Any = np.int64(16)
    data = list(tensors(quadrants(32)[0]))
    convert(model, output=tmp_path / "m.onnx", calibrate=data, card=CARD, limit=limit, gate="off")
    assert (tmp_path / "m.onnx").exists()


def test_a_figure_on_few_samples_says_so(model: Path, data: Path, tmp_path: Path) -> None:
    with np.load(data) as file:
        images = list(file["image"])
    few = convert(model, output=tmp_path / "q.onnx", calibrate=images[:24], card=CARD)
    many = convert(model, output=tmp_path / "q.onnx", calibrate=images, card=CARD)
    told = [[note for note in done.notes if "held out" in note] for done in (few, many)]
    assert ["so few say little" in note for notes in told for note in notes] == [True, False]
    assert told[0][0].startswith("fidelity was measured on 6 of 24 samples")


@pytest.mark.parametrize(
    "package",
    [
        "converters",
        "converters.aware",
        "converters.shrinking",
        "quantize",
        "quantize.prune",
        "quantize.training",
    ],
)
def test_no_module_is_named_as_a_function_of_its_package(package: str) -> None:
    """It would take the function's place when it is imported. `lint` is in its place before that can be."""
    found = importlib.import_module(f"edgemm.{package}")
    modules = {each.name for each in pkgutil.iter_modules(found.__path__)}
    assert modules & set(found.__all__) <= {"lint"}
