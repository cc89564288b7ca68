"""What a model answers: one frozen type per task, numpy fields, `to_json()` on each.

A module for each task: a program that begins waits only for the types of its own models, of which each takes half a
millisecond to make.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgemm.results.result import Result

if TYPE_CHECKING:
    from edgemm.results.audio import Audio as Audio
    from edgemm.results.classification import Classification as Classification
    from edgemm.results.detections import Detections as Detections
    from edgemm.results.embedding import Embedding as Embedding
    from edgemm.results.embedding import Near as Near
    from edgemm.results.identity import Identity as Identity
    from edgemm.results.keyword import Keyword as Keyword
    from edgemm.results.landmarks import Landmarks as Landmarks
    from edgemm.results.picture import Picture as Picture
    from edgemm.results.scene import Scene as Scene
    from edgemm.results.scene import Thing as Thing
    from edgemm.results.segmentation import Segmentation as Segmentation
    from edgemm.results.segments import Segment as Segment
    from edgemm.results.segments import Segments as Segments
    from edgemm.results.tags import Tag as Tag
    from edgemm.results.tags import Tags as Tags
    from edgemm.results.tensors import Tensors as Tensors
    from edgemm.results.text_lines import TextLines as TextLines
    from edgemm.results.transcript import Transcript as Transcript
    from edgemm.results.transcript import Word as Word
    from edgemm.results.written import Alternative as Alternative
    from edgemm.results.written import Written as Written

_HOME = {
    "Classification": "classification",
    "Keyword": "keyword",
    "Detections": "detections",
    "Segmentation": "segmentation",
    "Landmarks": "landmarks",
    "Word": "transcript",
    "Transcript": "transcript",
    "Alternative": "written",
    "Written": "written",
    "TextLines": "text_lines",
    "Tag": "tags",
    "Tags": "tags",
    "Segment": "segments",
    "Segments": "segments",
    "Audio": "audio",
    "Picture": "picture",
    "Near": "embedding",
    "Embedding": "embedding",
    "Identity": "identity",
    "Thing": "scene",
    "Scene": "scene",
    "Tensors": "tensors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


__all__ = ["Result", *_HOME]
