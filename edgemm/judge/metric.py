"""The seam between results and figures: what a metric has to provide, and which task has which."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol, cast

from edgemm.choices import hint
from edgemm.errors import InputError


class Metric(Protocol):
    """Counts how good results are, one sample at a time. Keeps counts and scores, never a picture or a result.

    Exists so that whoever measures a model, on the host or on the device, needs to know nothing of its task.
    """

    name: ClassVar[str]
    """Of the figure that `value` gives: "top-1", "mAP50"."""
    unit: ClassVar[str]
    """"share" for 0..1, "points" for 0..100, "px" for pixels, "dB"."""
    higher_is_better: ClassVar[bool]

    def add(self, result: Any, truth: Any) -> None:
        """One sample.

        Args:
            result: of the task's type.
            truth: what is right; each metric says what it takes.

        Raises:
            InputError: the two do not fit, or hold NaN.
        """

    def value(self) -> float:
        """The figure of all samples so far. NaN where they show nothing, such as no thing to be found."""

    def report(self) -> dict[str, Any]:
        """All figures as plain JSON values; what is not known is None. Has `samples`, and `value` under `name`."""


METRICS: Mapping[str, str] = {
    "classification": "edgemm.judge.classification:ClassificationMetric",
    "keyword": "edgemm.judge.keyword:KeywordMetric",
    "detection": "edgemm.judge.detection:DetectionMetric",
    "segmentation": "edgemm.judge.segmentation:SegmentationMetric",
    "landmarks": "edgemm.judge.landmarks:LandmarksMetric",
    "audio": "edgemm.judge.denoising:SoundMetric",
    "picture": "edgemm.judge.pictures:PictureMetric",
    "embedding": "edgemm.judge.speakers:EqualErrorMetric",
    "tagging": "edgemm.judge.tagging:TaggingMetric",
    "voice_activity": "edgemm.judge.voice_activity:VoiceActivityMetric",
    "transcription": "edgemm.judge.transcription:TranscriptionMetric",
    "ocr": "edgemm.judge.text_lines:TextLinesMetric",
    "text_to_text": "edgemm.judge.translation:TranslationMetric",
}
"""Task of a card -> module and class of its metric, imported when it is asked for."""

AGREEMENTS: Mapping[str, str] = {
    "detection": "edgemm.judge.detection_agreement:DetectionAgreement",
    "segmentation": "edgemm.judge.segmentation:SegmentationMetric",
    "landmarks": "edgemm.judge.landmarks:LandmarksMetric",
    "embedding": "edgemm.judge.embedding:EmbeddingAgreement",
    "picture": "edgemm.judge.pictures:PictureMetric",
}
"""Task of a card -> what compares two models' results of it: `add(result, other model's result)`."""


def metric(task: str, **settings: Any) -> Metric:
    """A new metric of a task.

    Args:
        settings: of that metric's class, by keyword.

    Raises:
        InputError: the task has no metric.
    """
    return _made(METRICS, task, settings)


def agreement(task: str, **settings: Any) -> Metric:
    """A new metric that compares the results of two models of a task, such as an int8 file and its float source.

    Raises:
        InputError: the task has none.
    """
    return _made(AGREEMENTS, task, settings)


def _made(table: Mapping[str, str], task: str, settings: Mapping[str, Any]) -> Metric:
    if task not in table:
        raise InputError(
            f"task: expected one that has a metric ({', '.join(table)}); found {task!r}{hint(task, table)}"
        )
    module, _, name = table[task].partition(":")
    return cast(Metric, getattr(import_module(module), name)(**settings))
