"""Converts the two scene networks to both formats, float and int8, and measures each file on held-out scenes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm.cli.demo.scenes import calibration_scenes, held_out_film, held_out_scenes, tensors
from edgemm.data.scenes import Scene
from edgemm.results import Result

Progress = Callable[[str, int, int], None]
Task = Literal["detection", "segmentation"]
SCENES = 150
"""Held-out scenes that each file is measured on."""
LOWEST = 0.01
"""Smallest score of a detection while mAP is measured; the card's own threshold is for use."""
SHOWN = (0, 30, 60, 90)
"""Frames of the film that the page shows."""
FORMATS = ("tflite", "onnx")
SCHEMES: tuple[Literal["float", "static"], ...] = ("float", "static")
FIGURES = {"detection": "mAP50", "segmentation": "mIoU"}
NETWORKS: dict[str, Task] = {"scene_detector": "detection", "scene_segmenter": "segmentation"}


@dataclass(frozen=True, slots=True, eq=False)
class SceneVariant:
    """One file of one network, and how it answered."""

    name: str
    task: Task
    format: str
    scheme: str
    """float or int8."""
    path: Path
    size_bytes: int
    score: float
    """0..1: mAP at IoU 0.5, or mIoU."""
    kept: float
    """0..1: detections, or mIoU, against the float file of that format."""
    latency_ms: float
    """Median of one call: preprocess, run, decode."""
    shown: tuple[npt.NDArray[np.uint8], ...] = ()
    """Frames of the film with the answer drawn on them: uint8[height, width, 3] RGB."""

    @property
    def figure(self) -> str:
        """What `score` is: mAP50 or mIoU."""
        return FIGURES[self.task]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "model": self.name,
            "format": self.format,
            "scheme": self.scheme,
            "file": str(self.path),
            "size_bytes": self.size_bytes,
            self.figure: round(self.score, 4),
            "kept": round(self.kept, 4),
            "latency_ms": round(self.latency_ms, 4),
        }


def measure_detector(folder: Path, progress: Progress) -> tuple[SceneVariant, ...]:
    """The detector: mAP50, and the share of the float file's detections that each file keeps."""
    return _variants("scene_detector", folder, progress)


def measure_segmenter(folder: Path, progress: Progress) -> tuple[SceneVariant, ...]:
    """The segmenter: mIoU, against the truth and against the float file."""
    return _variants("scene_segmenter", folder, progress)


def _variants(name: str, folder: Path, progress: Progress) -> tuple[SceneVariant, ...]:
    scenes, moving = held_out_scenes(SCENES), held_out_film(max(SHOWN) + 1)
    shown = [moving[at] for at in SHOWN]
    made = []
    for format_ in FORMATS:
        reference: list[Result] | None = None
        for scheme in SCHEMES:
            path = folder / f"{name}.{'int8' if scheme == 'static' else scheme}.{format_}"
            convert_network(name, path, scheme, progress)
            measured, answers = measure(path, NETWORKS[name], scenes, shown, reference, progress)
            reference = answers if reference is None else reference
            made.append(measured)
    return tuple(made)


def convert_network(name: str, path: Path, scheme: Literal["float", "static"], progress: Progress) -> None:
    """A bundled scene network as a file of one format and scheme, calibrated on scenes of its own.

    Args:
        name: scene_detector or scene_segmenter.
        path: to write; ends in .tflite or .onnx.
    """
    from edgemm import data
    from edgemm.artifact import read_artifact
    from edgemm.converters import convert

    source = data.path(f"models/{name}.onnx")
    card = read_artifact(source).card
    if card is None:
        raise edgemm.CardError(f"the bundled model {name} has lost its card: install edgemm again")
    convert(
        source,
        output=path,
        calibrate=tensors(card, calibration_scenes()),
        scheme=scheme,
        progress=lambda _, done, total: progress(f"{path.name}: convert", done, total),
    )


def measure(
    path: Path,
    task: Task,
    scenes: Sequence[Scene],
    shown: Sequence[Scene],
    reference: Sequence[Result] | None,
    progress: Progress,
) -> tuple[SceneVariant, list[Result]]:
    """One file on scenes whose truth is known.

    Args:
        shown: drawn for the page.
        reference: answers of the float file to `scenes`, at its card's threshold; None where this is it.

    Returns:
        What was measured, and the answers at the card's threshold.
    """
    from edgemm.judge.metric import agreement, metric

    score, kept = metric(task), agreement(task)
    used, times = [], []
    with edgemm.load(path) as model, edgemm.load(path, **_lowest(task)) as judged:
        for at, scene in enumerate(scenes):
            began = time.perf_counter_ns()
            used.append(model(scene.pixels))
            times.append(time.perf_counter_ns() - began)
            score.add(judged(scene.pixels) if task == "detection" else used[-1], _truth(task, scene))
            kept.add(used[-1], (reference or used)[at])
            if at % 25 == 24 or at + 1 == len(scenes):
                progress(f"{path.name}: {FIGURES[task]}", at + 1, len(scenes))
        drawn = tuple(edgemm.draw(scene.pixels, model(scene.pixels)) for scene in shown)
    name, scheme, format_ = path.name.split(".")
    latency_ms = float(np.median(times)) / 1e6
    size = path.stat().st_size
    values = (name, task, format_, scheme, path, size, score.value(), kept.value(), latency_ms, drawn)
    return SceneVariant(*values), used


def _lowest(task: Task) -> dict[str, Any]:
    return {"threshold": LOWEST} if task == "detection" else {}


def _truth(task: Task, scene: Scene) -> Any:
    from edgemm.judge.truth import TrueBoxes, TrueClasses

    if task == "detection":
        return TrueBoxes(scene.boxes_xyxy.astype(np.float64), scene.class_ids)
    return TrueClasses(scene.mask)
