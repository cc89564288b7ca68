"""The bundled networks that make pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.judge import metric
from edgemm.litert_runtime import find_litert
from edgemm.onnx_runtime import onnx_runtime
from edgemm.opencv import opencv

cv2: Any = needs(opencv)
FILES = (".onnx", ".int8.tflite", ".int8.onnx")
Pixels = npt.NDArray[np.uint8]


def bundled(name: str, suffix: str) -> Any:
    needs(find_litert if suffix.endswith("tflite") else onnx_runtime)
    return edgemm.load(data.path(f"models/{name}{suffix}"))


def shapes(height: int, width: int) -> Pixels:
    """Discs and bars with smooth edges, drawn four times as large and averaged."""
    large = np.full((4 * height, 4 * width, 3), (210, 190, 160), np.uint8)
    random = np.random.default_rng(3)
    for _ in range(60):
        x, y = (int(random.integers(4 * each)) for each in (width, height))
        color = tuple(int(each) for each in random.integers(0, 256, 3))
        cv2.circle(large, (x, y), int(random.integers(8, 120)), color, -1)
        cv2.line(large, (x, y), (4 * width - x, y // 2), color, int(random.integers(4, 20)))
    small: Pixels = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)
    return small


@pytest.mark.parametrize("suffix", FILES)
def test_a_larger_picture_is_nearer_to_the_truth_than_bicubic(suffix: str) -> None:
    truth = shapes(200, 300)
    small = cv2.resize(truth, (150, 100), interpolation=cv2.INTER_AREA)
    ours, theirs = metric("picture"), metric("picture")
    with bundled("super_resolution_x2", suffix) as model:
        made = model(small)
    ours.add(made, truth)
    theirs.add(edgemm.Picture(cv2.resize(small, (300, 200), interpolation=cv2.INTER_CUBIC)), truth)
    assert made.pixels.shape == truth.shape
    assert ours.value() >= theirs.value() + 1.0


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (7, 5), (129, 128)])
def test_pictures_of_any_size_become_twice_as_large(size: tuple[int, int]) -> None:
    with bundled("super_resolution_x2", ".onnx") as model:
        assert model(shapes(*size)).pixels.shape == (2 * size[0], 2 * size[1], 3)


def test_tiles_of_the_bundled_network_are_not_seen() -> None:
    """The same with a margin twice as wide: what it looks at is all there with its own."""
    picture = shapes(150, 310)
    narrow = bundled("super_resolution_x2", ".onnx")
    wide: Any = edgemm.load(data.path("models/super_resolution_x2.onnx"), margin=20)
    with narrow, wide:
        made = narrow(picture).pixels.astype(int)
        assert np.abs(made - wide(picture).pixels).max() <= 1  # rounding


@pytest.mark.parametrize("suffix", FILES)
def test_made_digits_are_read_as_what_they_should_be(suffix: str) -> None:
    needs(onnx_runtime)
    generator, reader = bundled("digit_generator", suffix), bundled("digits", ".onnx")
    with generator, reader:
        read = [
            [reader(each.pixels).label for each in generator.generate(2000, label=digit, count=10)]
            for digit in range(10)
        ]
    right = sum(label == str(digit) for digit, labels in enumerate(read) for label in labels)
    assert right >= 93


def test_the_same_seed_gives_the_same_digit_in_both_formats() -> None:
    made = []
    for suffix in FILES:
        with bundled("digit_generator", suffix) as model:
            made.append(model.generate(7, label="4")[0].pixels.astype(int))
    assert np.abs(made[1] - made[0]).mean() <= 3
    assert np.abs(made[2] - made[0]).mean() <= 3


@pytest.mark.parametrize("name", ["super_resolution_x2", "digit_generator"])
@pytest.mark.parametrize("suffix", FILES)
def test_each_says_its_licence_and_int8_is_int8(name: str, suffix: str) -> None:
    artifact = read_artifact(data.path(f"models/{name}{suffix}"))
    card = artifact.card
    assert card is not None
    assert (card.licence, card.task) == ("Apache-2.0", "picture")
    assert (card.quantization.get("scheme") == "static") is ("int8" in suffix)
    assert (artifact.goldens is not None) is ("int8" in suffix)
