"""Tiny models with cards, loaded: fixtures that the rooms of the model share (their conftest imports them)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from needs import needs

import edgemm
from edgemm.artifact import write_artifact
from edgemm.artifact.goldens import Goldens
from edgemm.card import AudioRecipe, ImageRecipe, InputCard, ModelCard, OutputCard, StatePair
from edgemm.litert_runtime import find_litert
from edgemm.opencv import opencv
from edgemm.tasks.keyword import KeywordRecipe

ASSETS = Path(__file__).parents[1] / "assets"
QUADRANTS = ("top left", "top right", "bottom left", "bottom right")
Make = Callable[..., edgemm.Model]


@pytest.fixture(autouse=True)
def runtimes() -> None:
    needs(find_litert)
    pytest.importorskip("onnxruntime")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """`make(asset, card=None, goldens=None)`: the asset with that card, loaded; closed after the test."""
    models = []

    def made(asset: str, card: ModelCard | None = None, goldens: Goldens | None = None) -> edgemm.Model:
        write_artifact(tmp_path / asset, (ASSETS / asset).read_bytes(), card, goldens)
        models.append(edgemm.load(tmp_path / asset))
        return models[-1]

    yield made
    for model in models:
        model.close()


@pytest.fixture
def quadrant_card() -> ModelCard:
    """Which pixel of a 2x2 grey picture is bright."""
    needs(opencv)
    recipe = ImageRecipe(color="gray", interpolation="nearest")
    inputs = (InputCard("pixels", "image", (1, 2, 2, 1), "NHWC", image=recipe),)
    outputs = (OutputCard("scores", (1, 4), "probabilities"),)
    return ModelCard(task="classification", inputs=inputs, outputs=outputs, labels=QUADRANTS)


@pytest.fixture
def loud_card() -> ModelCard:
    """Whether 10 ms of sound are loud: windows of 80 samples at 8 kHz, one each 40."""
    recipe = AudioRecipe(sample_rate=8000, feature="waveform", samples=80, hop=40, stride=40)
    return ModelCard(
        task="keyword",
        inputs=(InputCard("sound", "audio", (1, 80), "NT", audio=recipe),),
        outputs=(OutputCard("logits", (1, 2), "logits"),),
        labels=("loud", "quiet"),
        recipe=KeywordRecipe(background=("quiet",), refractory_s=0.01),
    )


@pytest.fixture
def total_card() -> ModelCard:
    """A running sum: `total` goes back into `before`."""
    return ModelCard(
        inputs=(InputCard("x", "tensor", (1, 2)), InputCard("before", "tensor", (1, 2))),
        outputs=(OutputCard("total", (1, 2)),),
        states=(StatePair("total", "before"),),
    )


@pytest.fixture
def quadrant(make: Make, quadrant_card: ModelCard) -> edgemm.Model:
    return make("quadrant.tflite", quadrant_card)


@pytest.fixture
def loud(make: Make, loud_card: ModelCard) -> edgemm.Model:
    return make("loud.tflite", loud_card)


@pytest.fixture(params=["total.tflite", "total.onnx"])
def total(make: Make, request: pytest.FixtureRequest) -> edgemm.Model:
    return make(request.param)
