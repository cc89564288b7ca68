"""edgemm: trained networks as small int8 files, running on live pictures and sound inside a budget.

    model = edgemm.load("digits.tflite")
    model(picture)                                    -> Classification, Keyword, ...
    with edgemm.open_source("walk.mp4") as source, model.stream(source) as stream:
        for item in stream: ...

Importing edgemm loads numpy and nothing heavier; runtimes, OpenCV and audio are loaded when first used.
"""

TYPE_CHECKING = False
"""Nothing is imported here, not even `typing`: a signal that comes before the program listens to it ends in a traceback
of Python's own."""
if TYPE_CHECKING:
    from typing import Any

    from edgemm.capture import open_source as open_source
    from edgemm.card import ModelCard as ModelCard
    from edgemm.chain.crop import Crop as Crop
    from edgemm.chain.smooth import Smooth as Smooth
    from edgemm.chain.track import Track as Track
    from edgemm.drawing import draw as draw
    from edgemm.enrolled import Enrolled as Enrolled
    from edgemm.judge import Metric as Metric
    from edgemm.media import AudioBlock as AudioBlock
    from edgemm.media import Frame as Frame
    from edgemm.media import PointSet as PointSet
    from edgemm.media import Text as Text
    from edgemm.model.bundle import BundleModel as BundleModel
    from edgemm.model.filtered import Filter as Filter
    from edgemm.model.load import load as load
    from edgemm.model.load import load_bundle as load_bundle
    from edgemm.model.model import Model as Model
    from edgemm.stream.budget import Budget as Budget
    from edgemm.stream.item import Item as Item
    from edgemm.stream.runner import Runner as Runner
    from edgemm.version import __version__ as __version__

_HOME = {
    "__version__": "edgemm.version",
    "load": "edgemm.model.load",
    "load_bundle": "edgemm.model.load",
    "BundleModel": "edgemm.model.bundle",
    "Model": "edgemm.model.model",
    "open_source": "edgemm.capture",
    "Runner": "edgemm.stream.runner",
    "Budget": "edgemm.stream.budget",
    "draw": "edgemm.drawing",
    "Item": "edgemm.stream.item",
    "Frame": "edgemm.media",
    "AudioBlock": "edgemm.media",
    "PointSet": "edgemm.media",
    "Text": "edgemm.media",
    "ModelCard": "edgemm.card",
    "Metric": "edgemm.judge",
    "Enrolled": "edgemm.enrolled",
    "Filter": "edgemm.model.filtered",
    "Crop": "edgemm.chain.crop",
    "Track": "edgemm.chain.track",
    "Smooth": "edgemm.chain.smooth",
    **dict.fromkeys(
        ("Classification", "Keyword", "Detections", "Segmentation", "Landmarks", "Transcript", "Word", "TextLines",
         "Written", "Alternative", "Tags", "Tag", "Segments", "Segment", "Audio", "Picture", "Embedding", "Identity",
         "Scene", "Thing", "Tensors"), "edgemm.results"),
    **dict.fromkeys(
        ("EdgemmError", "InputError", "LatencyMissed", "DelegateError", "DelegateMissing", "DelegateFailed",
         "MachineShortage", "ArtifactError", "DamagedArtifact", "CardError", "UnsupportedVersion", "SourceError",
         "SourceNotFound", "UnknownSource", "SourceLost", "SourceTimeout", "MissingDependency", "ConversionError",
         "UnsupportedOperator", "CalibrationError", "FidelityMissed", "TrainingError"), "edgemm.errors"),
}  # fmt: skip

__all__ = [*_HOME]


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module 'edgemm' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
