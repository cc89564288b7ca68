"""The table of tasks: name in a card -> what decodes it. Loaded when a card asks for it.

A task from elsewhere is found by its entry point, group "edgemm.tasks": its name is the task's name, its object a class
like those named here (`edgemm.tasks.decoder.Task`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from edgemm.card.named import find_named, package_of

TASKS: Mapping[str, str] = {
    "classification": "edgemm.tasks.classification.task:ClassificationTask",
    "detection": "edgemm.tasks.detection.task:DetectionTask",
    "segmentation": "edgemm.tasks.segmentation.task:SegmentationTask",
    "landmarks": "edgemm.tasks.landmarks.task:LandmarksTask",
    "keyword": "edgemm.tasks.keyword.task:KeywordTask",
    "tagging": "edgemm.tasks.tagging.task:TaggingTask",
    "voice_activity": "edgemm.tasks.voice_activity.task:VoiceActivityTask",
    "transcription": "edgemm.tasks.transcription.task:TranscriptionTask",
    "embedding": "edgemm.tasks.embedding.task:EmbeddingTask",
    "picture": "edgemm.tasks.picture.task:PictureTask",
    "tensors": "edgemm.tasks.tensors.task:TensorsTask",
}
"""Task of a card -> module and class."""
RESERVED = ("audio",)
"""Names that a card may have, and this version does not decode."""
GROUP = "edgemm.tasks"


def task_names() -> tuple[str, ...]:
    """Every name that a card's `task` may have: ours, those of installed packages, and reserved ones."""
    return (*TASKS, *RESERVED, *(name for name in _foreign() if name not in TASKS))


def is_task(name: str) -> bool:
    """One of `task_names()`. Packages are asked for theirs only where it is none of ours, which takes 20 ms."""
    return name in TASKS or name in RESERVED or name in _foreign()


def find_task(name: str) -> Any | None:
    """The `Task` of this name, with `Recipe`, `version` and `open`; None where this version has none.

    Raises:
        MissingDependency: the package that has it cannot be imported.
    """
    return find_named("task", name, TASKS, _foreign)


def origin(name: str) -> str:
    """For messages: the task of this name, and the package that it comes from where it is not ours."""
    entry = None if name in TASKS else _foreign().get(name)
    return f"task {name!r}" if entry is None else f"task {name!r} of the package {package_of(entry)}"


def recipe(task: str, **values: Any) -> Any:
    """The section of a card for one of our tasks, with these values."""
    found = find_task(task)
    assert found is not None, task
    return found.Recipe(**values)


@cache
def _foreign() -> Mapping[str, Any]:
    from importlib.metadata import entry_points  # 10 ms, which a card of a task of ours need not wait for

    return {each.name: each for each in entry_points(group=GROUP)}
