"""The gate by the task: results of the file against those of the source, and both against the truth.

Numbers in a detector's outputs say little: most rows are background. What counts is whether the same things are found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemm.judge import METRICS, Metric, agreement, metric
from edgemm.results import Detections, Embedding, Landmarks, Picture, Segmentation
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs

if TYPE_CHECKING:
    from edgemm.tasks.decoder import Decoder

MIN_KEPT = 0.95
"""Detections: share of the source's that the file keeps, the same class at IoU 0.5."""
MAX_EXTRA = 0.10
"""Detections: those that the source does not have, as a share of the source's; one is always allowed."""
MIN_SAME_PIXELS = 0.98
"""Segmentation: share of pixels with the same class."""
MIN_IOU = 0.85
"""Segmentation: mean IoU with the source's areas, of classes that cover COMMON of the pixels or more."""
COMMON = 0.01
MAX_POINT_ERROR = 0.02
"""Landmarks: mean distance from the source's points, as a share of the diagonal of the box around them."""
MIN_COSINE = 0.98
"""Embeddings: mean cosine with the source's."""
MIN_WORST_COSINE = 0.90
"""Of the one that is farthest from the source's."""
MAX_LOSS = 0.01
"""What a metric may lose against the truth: mAP50, mIoU, or point error, each 0..1."""
MAX_LOSSES = {"points": 1.0, "dB": 0.5}
"""The same of metrics in these units."""
MIN_PSNR = 30.0
"""Pictures: decibels, on average, against the source's."""
SURE = 0.5
"""Score of landmarks from which on the thing is there."""
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class TaskFidelity:
    """One figure of the gate by the task."""

    measure: str
    """"kept", "same pixels", "point error", "cosine" against the source; "mAP50", "mIoU" against the truth."""
    figure: float
    """Of the file."""
    limit: float
    """Of `figure`: the least, or the most for an error."""
    sentence: str
    """What was measured and what the limits are."""
    holds: bool
    in_float: float | None = None
    """The same of the source, where both are held against the truth."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """All figures of the file."""

    def to_json(self) -> dict[str, Any]:
        """For card and reports."""
        content = {"measure": self.measure, "figure": _round(self.figure), "limit": _round(self.limit)}
        if self.in_float is not None:
            content["float"] = _round(self.in_float)
        return content | {
            key: _round(value) for key, value in self.report.items() if isinstance(value, int | float)
        }


def _round(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")


def gate(
    task: str,
    decoders: tuple[Decoder, Decoder],
    outputs_float: Sequence[Outputs],
    outputs_int8: Sequence[Outputs],
    contexts: Sequence[Context],
) -> TaskFidelity | None:
    """How far the results of the file are those of the source.

    Args:
        task: "detection", "segmentation", "landmarks", "embedding" or "picture".
        decoders: of the source's outputs, and of the file's, whose quantization is its own.
        outputs_float: of the source, one for each sample.
        outputs_int8: of the file.
        contexts: one for each sample.

    Returns:
        Figure, limit and sentence; None where the source's results on these samples show nothing to compare.

    Raises:
        EdgemmError: the outputs cannot be decoded.
    """
    pairs = zip(outputs_float, outputs_int8, contexts, strict=True)
    ours, theirs = decoders
    return agreed(task, ((ours.whole([a], c, 0.0), theirs.whole([b], c, 0.0)) for a, b, c in pairs))


def agreed(task: str, results: Any) -> TaskFidelity | None:
    """The same of results.

    Args:
        results: pairs of the source's result and the file's, one for each sample; each is used once.
    """
    return _AGREED[task](results)


def _detections(results: Sequence[tuple[Detections, Detections]]) -> TaskFidelity | None:
    judge: Any = agreement("detection")
    for expected, found in results:
        judge.add(found, expected)
    share, extra, most = judge.value(), judge.extra, max(1, int(MAX_EXTRA * judge.reference))
    if not judge.reference:
        if extra <= most:
            return None
        share = 0.0
    holds = share >= MIN_KEPT - ROUNDING and extra <= most
    sentence = (
        f"detections: {judge.kept} of the source's {judge.reference} are kept ({share:.1%}; the same class, IoU 0.5; "
        f"at least {MIN_KEPT:.0%}), {extra} are extra (at most {most})"
    )
    return TaskFidelity("kept", share, MIN_KEPT, sentence, holds, report=judge.report())


def _areas(results: Sequence[tuple[Segmentation, Segmentation]]) -> TaskFidelity | None:
    judge: Any = agreement("segmentation")
    for expected, found in results:
        judge.add(found, expected)
    share, iou = judge.pixels_alike(), judge.common(COMMON)
    if np.isnan(share):
        return None
    holds = share >= MIN_SAME_PIXELS - ROUNDING and iou >= MIN_IOU - ROUNDING
    sentence = (
        f"segmentation: {share:.1%} of the pixels have the source's class (at least {MIN_SAME_PIXELS:.0%}), mean IoU "
        f"with the source {iou:.3f} (at least {MIN_IOU})"
    )
    return TaskFidelity(
        "same pixels", share, MIN_SAME_PIXELS, sentence, holds, report=judge.report() | {"iou": iou}
    )


def _points(results: Sequence[tuple[Landmarks, Landmarks]]) -> TaskFidelity | None:
    judge: Any = agreement("landmarks")
    for expected, found in results:
        if expected.score >= SURE and len(expected.points_xy):
            judge.add(found, expected)
    report, error = judge.report(), judge.value()
    there = report["found"]
    if there == 0.0:
        none = f"landmarks: none is found of the {report['samples']} things that the source finds"
        return TaskFidelity("found", 0.0, MIN_KEPT, none, False, report=report)
    if there is None or np.isnan(error):
        return None
    sentence = (
        f"landmarks: {judge.mean_px():.2f} pixels from the source's on average, {error:.2%} of their extent (at most "
        f"{MAX_POINT_ERROR:.0%}), of {there:.1%} of the things that the source finds (at least {MIN_KEPT:.0%})"
    )
    holds = error <= MAX_POINT_ERROR + ROUNDING and there >= MIN_KEPT - ROUNDING
    return TaskFidelity("point error", error, MAX_POINT_ERROR, sentence, holds, report=report)


def _vectors(results: Sequence[tuple[Embedding, Embedding]]) -> TaskFidelity | None:
    judge: Any = agreement("embedding")
    for expected, found in results:
        judge.add(found, expected)
    report, mean = judge.report(), judge.value()
    if np.isnan(mean):
        return None
    worst = float(report["worst"])
    sentence = (
        f"embeddings: cosine with the source's {mean:.4f} on average (at least {MIN_COSINE}), {worst:.4f} at worst (at "
        f"least {MIN_WORST_COSINE})"
    )
    holds = mean >= MIN_COSINE - ROUNDING and worst >= MIN_WORST_COSINE - ROUNDING
    return TaskFidelity("cosine", mean, MIN_COSINE, sentence, holds, report=report)


def _pictures(results: Sequence[tuple[Picture, Picture]]) -> TaskFidelity | None:
    judge: Any = agreement("picture")
    for expected, found in results:
        judge.add(found, expected)
    figure, report = judge.value(), judge.report()
    if np.isnan(figure):
        return None
    sentence = f"pictures: PSNR with the source's {figure:.1f} dB on average (at least {MIN_PSNR:g})"
    return TaskFidelity("PSNR", figure, MIN_PSNR, sentence, figure >= MIN_PSNR - ROUNDING, report=report)


_AGREED: Mapping[str, Callable[[Any], TaskFidelity | None]] = {
    "detection": _detections,
    "segmentation": _areas,
    "landmarks": _points,
    "embedding": _vectors,
    "picture": _pictures,
}
JUDGED = tuple(_AGREED)
"""Tasks that are judged by their results."""


def against_truth(task: str, results: Any, truths: Sequence[Callable[[], Any]]) -> TaskFidelity | None:
    """What the file loses of the task's metric against what is right.

    Args:
        results: pairs of the source's result and the file's, one for each sample; each is used once.
        truths: of each sample, made when it is called.

    Returns:
        None where the truths show nothing to be found.

    Raises:
        InputError: a truth does not fit its picture.
    """
    if task not in METRICS:
        return None
    source, file = metric(task), metric(task)
    for (expected, found), truth in zip(results, truths, strict=True):
        right = truth()
        if right == ():  # landmarks of nothing
            continue
        source.add(expected, right)
        file.add(found, right)
    return lost(source, file)


def lost(source: Metric, file: Metric) -> TaskFidelity | None:
    """What the file loses of a metric; None where the samples show nothing.

    Args:
        source: the metric with the source's results.
        file: with the file's.
    """
    before, after = source.value(), file.value()
    if np.isnan(before) or np.isnan(after):
        return None
    sign = 1 if file.higher_is_better else -1
    limit = before - sign * MAX_LOSSES.get(file.unit, MAX_LOSS)
    sentence = (
        f"{file.name} against the truth: {after:.3f}, {before:.3f} in float (at {'least' if sign > 0 else 'most'} "
        f"{limit:.3f})"
    )
    holds = sign * (after - limit) >= -ROUNDING
    return TaskFidelity(file.name, after, limit, sentence, holds, before, _told(file.report()))


def _told(report: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if not isinstance(value, dict)}


def undecodable(task: str, reason: str) -> TaskFidelity:
    """The source's outputs can be decoded, and the file's cannot."""
    return TaskFidelity(
        "decodable", 0.0, 1.0, f"{task}: the file's outputs cannot be decoded: {reason}", False
    )
