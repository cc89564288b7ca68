"""The scene networks on a film that is played in real time, against its truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm.cli.demo.live import STAGES, TIMEOUT_S, LiveRun, Progress
from edgemm.cli.demo.scenes import FPS, held_out_film, write_film
from edgemm.data.scenes import Scene
from edgemm.results import Detections, Result, Segmentation
from edgemm.sinks import VideoSink

FRAMES = 120
"""8 seconds."""
EVERY = 20
"""Of so many frames the page shows one."""


def run_film(model_path: Path, budget: edgemm.Budget, folder: Path, progress: Progress) -> LiveRun:
    """A scene network on a film of held-out digits in motion.

    Args:
        model_path: the detector or the segmenter, converted.
        folder: the film is written there.

    Returns:
        What was measured; `shown` has frames with the answer drawn on them, and how much of the truth was found.
    """
    scenes, path = held_out_film(FRAMES), folder / "scenes.avi"
    drawn = folder / f"{model_path.name.partition('.')[0]}.drawn.webm"
    write_film(path, scenes)
    ages, stages = [], []
    shown: list[tuple[npt.NDArray[np.uint8], str, bool]] = []
    with (
        edgemm.load(model_path) as model,
        edgemm.open_source(str(path), pace="live") as source,
        model.stream(source, budget=budget, timeout_s=TIMEOUT_S) as stream,
        VideoSink(drawn, fps=FPS, existing="replace") as sink,
    ):
        for item in stream:
            sink.put("", item)
            ages.append(item.age_ms)
            stages.append(item.stages_ms)
            number = item.frame.sequence if isinstance(item.frame, edgemm.Frame) else 0
            if isinstance(item.frame, edgemm.Frame) and number % EVERY == 0:
                caption, right = judged(item.value, scenes[number])
                shown.append((edgemm.draw(item.frame, item.value), caption, right))
            progress(f"{model_path.name}, live", number + 1, FRAMES)
        summary = stream.ledger.summary()
    medians = {name: _median([each.get(name, 0.0) for each in stages]) for name in STAGES}
    return LiveRun(
        model_path.name.partition(".")[0],
        float(budget.max_age_ms or 0),
        tuple(ages),
        medians,
        summary,
        tuple(shown),
        film=drawn,
    )


def judged(answer: Result, scene: Scene) -> tuple[str, bool]:
    """How much of one frame's truth the answer has, in words, and whether that is all and nothing else."""
    if isinstance(answer, Detections):
        found = sum(
            _is_found(answer, box, digit)
            for box, digit in zip(scene.boxes_xyxy, scene.class_ids, strict=True)
        )
        total = len(scene.class_ids)
        return f"{found} of {total} digits", found == total == len(answer.class_ids)
    if isinstance(answer, Segmentation):
        ink = scene.mask > 0
        share = float((answer.classes == scene.mask)[ink].mean()) if ink.any() else 1.0
        return f"{share:.0%} of the ink", share >= 0.7
    return type(answer).__name__, False


def _is_found(answer: Detections, box: npt.NDArray[np.float32], digit: int) -> bool:
    """A box of this digit overlaps by half or more."""
    others = answer.boxes_xyxy[answer.class_ids == digit]
    low, high = np.maximum(others[:, :2], box[:2]), np.minimum(others[:, 2:], box[2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return bool((2 * common >= areas - common).any())


def _median(numbers: Sequence[float]) -> float:
    return float(np.median(numbers)) if numbers else 0.0
