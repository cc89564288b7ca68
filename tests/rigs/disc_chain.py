"""Discs of pure red, green and blue on black, and models that find them exactly: fixtures for chains of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

import edgemm
from edgemm.artifact import write_artifact
from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard, PointsRecipe
from edgemm.media import Color, Frame
from edgemm.opencv import opencv
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.embedding.recipe import EmbeddingRecipe
from edgemm.tasks.landmarks import LandmarksRecipe

NETWORKS = Path(__file__).parents[1] / "chain"
COLORS = ("red", "green", "blue")
SIZE_WH = (256, 192)
SECOND_NS = 1_000_000_000
Resize = Literal["stretch", "letterbox", "center-crop"]


@dataclass(frozen=True)
class Disc:
    """One disc: at most one of each colour in a picture, which is what the detector finds."""

    color: int
    x: float
    y: float
    radius: float = 12.0


def drawn(
    discs: Sequence[Disc], size_wh: tuple[int, int] = SIZE_WH, color: Color = "rgb"
) -> npt.NDArray[np.uint8]:
    """uint8[h, w, 3], or uint8[h, w] where the colour is grey: discs with edges as smooth as a camera's."""
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for disc in discs:
        left, top = (max(0, int(at - disc.radius - 1)) for at in (disc.x, disc.y))
        right, bottom = (max(0, int(at + disc.radius + 2)) for at in (disc.x, disc.y))
        part = pixels[top:bottom, left:right, disc.color]
        y, x = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
        cover = np.clip(disc.radius + 0.5 - np.hypot(x + left - disc.x, y + top - disc.y), 0, 1)
        np.maximum(part, np.round(255 * cover).astype(np.uint8), out=part)
    if color == "gray":
        return np.asarray(pixels.max(axis=2), np.uint8)
    return np.ascontiguousarray(pixels[..., ::-1] if color == "bgr" else pixels)


def frame(discs: Sequence[Disc], at_s: float = 0.0, sequence: int = 0, **more: Any) -> Frame:
    """A frame taken at a time in seconds."""
    color: Color = more.pop("color", "rgb")
    return Frame(drawn(discs, color=color, **more), round(at_s * 1e9), sequence, color)


def picture_card(
    task: str,
    shape: tuple[int, ...],
    outputs: Sequence[tuple[str, tuple[int, ...], str]],
    recipe: Any,
    **more: Any,
) -> ModelCard:
    image = ImageRecipe(color="gray" if shape[1] == 1 else "rgb", **more.pop("image", {}))
    return ModelCard(
        task=task,
        inputs=(InputCard("picture", "image", shape, "NCHW", image=image),),
        outputs=tuple(OutputCard(name, shape, kind) for name, shape, kind in outputs),  # type: ignore[arg-type]
        recipe=recipe,
        **more,
    )


def discs_card() -> ModelCard:
    recipe = DetectionRecipe(head="end-to-end", threshold=0.5)
    return picture_card("detection", (1, 3, 48, 64), [("rows", (1, 3, 6), "raw")], recipe, labels=COLORS)


def shape_card(**image: Any) -> ModelCard:
    recipe = LandmarksRecipe(presence="presence", names=("centre", "right", "lower", "left", "upper"))
    outputs = [("points", (1, 10), "raw"), ("presence", (1, 1), "raw")]
    return picture_card("landmarks", (1, 1, 48, 48), outputs, recipe, image=image)


def centers_card(**image: Any) -> ModelCard:
    return picture_card(
        "landmarks", (1, 3, 96, 96), [("points", (1, 6), "raw")], LandmarksRecipe(), image=image
    )


def color_card() -> ModelCard:
    outputs = [("scores", (1, 3), "probabilities")]
    return picture_card("classification", (1, 3, 8, 8), outputs, None, labels=COLORS)


def embedding_card() -> ModelCard:
    return picture_card("embedding", (1, 3, 8, 8), [("scores", (1, 3), "raw")], EmbeddingRecipe())


def motion_card() -> ModelCard:
    """Of bright.onnx: where the centre of a disc went since the frame before; nowhere where it went left or up."""
    recipe = PointsRecipe(points=(0,), history=2, origin="first", divide_by="none")
    return ModelCard(
        task="classification",
        inputs=(InputCard("pixels", "points", (1, 1, 2, 2), points=recipe),),
        outputs=(OutputCard("scores", (1, 4), "probabilities"),),
        labels=("nowhere", "never", "right", "down"),
    )


CARDS: dict[str, Callable[..., ModelCard]] = {
    "discs": discs_card, "shape": shape_card, "centers": centers_card, "color": color_card,
    "embedding": embedding_card, "motion": motion_card,
}  # fmt: skip
FILES = {"embedding": "color", "motion": "../assets/bright"}
Load = Callable[..., Any]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Load]:
    """`network("discs")`: the network with its card, loaded; closed after the test."""
    needs(opencv)
    pytest.importorskip("onnxruntime")
    models: list[edgemm.Model] = []

    def made(name: str, **more: Any) -> edgemm.Model:
        path = tmp_path / f"{name}-{len(models)}.onnx"
        write_artifact(path, (NETWORKS / f"{FILES.get(name, name)}.onnx").read_bytes(), CARDS[name](**more))
        models.append(edgemm.load(path))
        return models[-1]

    yield made
    for each in models:
        each.close()


AROUND = edgemm.Crop("box", margin=1.6, square=True)
NEXT = edgemm.Crop("points", margin=1.6, square=True)
"""The same part as `AROUND`, by the points of a disc."""


class Watched:
    """A model of which each run is told, and may be made to fail or to take time: `before(name)` is called first."""

    def __init__(self, name: str, model: Any, before: Callable[[str], object]) -> None:
        self.name, self.model, self.before = name, model, before
        self.open_sessions = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, x: Any, *, sample_rate: int | None = None) -> Any:
        return self.model(x, sample_rate=sample_rate)

    def session(self, **options: Any) -> Any:
        self.open_sessions += 1
        return _watch(self, self.model.session(**options))


def _watch(watched: Watched, session: Any) -> Any:
    """The session itself, told of: a stand-in that hands on what it lacks is no session to `isinstance` from Python
    3.12 on."""
    still_open = True

    def told(run: Callable[..., Any]) -> Callable[..., Any]:
        def first(*args: Any) -> Any:
            watched.before(watched.name)
            return run(*args)

        return first

    def close() -> None:
        nonlocal still_open
        watched.open_sessions -= still_open
        still_open = False
        type(session).close(session)

    for name in ("feed", "look"):
        if hasattr(session, name):
            setattr(session, name, told(getattr(session, name)))
    session.close = close
    return session
