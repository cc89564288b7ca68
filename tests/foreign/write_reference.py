"""Writes metadata/*.bin with MediaPipe's own schema, and beside each what MediaPipe reads back, as JSON.

    python tests/foreign/write_reference.py     # needs mediapipe (0.10.14) and flatbuffers

The files are committed, so that tests compare with another project's reader without needing it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import flatbuffers
from mediapipe.tasks.metadata import (  # type: ignore[import-not-found]
    image_segmenter_metadata_schema_py_generated as segmenter,
)
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

FOLDER = Path(__file__).parent / "metadata"


def image(**properties: Any) -> Any:
    """Content of pictures."""
    content = schema.ContentT()
    content.contentPropertiesType = schema.ContentProperties.ImageProperties
    content.contentProperties = schema.ImagePropertiesT()
    for key, value in properties.items():
        setattr(content.contentProperties, key, value)
    return content


def content_of(kind: str, **properties: Any) -> Any:
    """Content of another kind."""
    content = schema.ContentT()
    content.contentPropertiesType = getattr(schema.ContentProperties, kind)
    content.contentProperties = getattr(schema, f"{kind}T")()
    for key, value in properties.items():
        setattr(content.contentProperties, key, value)
    return content


def unit(kind: str, **options: Any) -> Any:
    """A process unit."""
    made = schema.ProcessUnitT()
    made.optionsType = getattr(schema.ProcessUnitOptions, kind)
    made.options = getattr(schema, f"{kind}T")()
    for key, value in options.items():
        setattr(made.options, key, value)
    return made


def file(name: str, kind: str, locale: str = "") -> Any:
    """An associated file."""
    made = schema.AssociatedFileT()
    made.name, made.type = name, getattr(schema.AssociatedFileType, kind)
    made.locale = locale or None
    return made


def tensor(name: str, **fields: Any) -> Any:
    """Metadata of a tensor."""
    made = schema.TensorMetadataT()
    made.name = name
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def stats(low: list[float], high: list[float]) -> Any:
    """Smallest and largest values."""
    made = schema.StatsT()
    made.min, made.max = low, high
    return made


def model(name: str, inputs: list[Any], outputs: list[Any], **fields: Any) -> Any:
    """Metadata of a model with one graph."""
    made, graph = schema.ModelMetadataT(), schema.SubGraphMetadataT()
    made.name, made.subgraphMetadata = name, [graph]
    graph.inputTensorMetadata, graph.outputTensorMetadata = inputs, outputs
    for key, value in fields.items():
        setattr(
            graph if hasattr(graph, key) and key not in ("description", "associatedFiles") else made,
            key,
            value,
        )
    return made


def group(name: str, names: list[str]) -> Any:
    """A group of outputs."""
    made = schema.TensorGroupT()
    made.name, made.tensorNames = name, names
    return made


def custom(name: str, data: bytes) -> Any:
    """Custom metadata."""
    made = schema.CustomMetadataT()
    made.name, made.data = name, list(data)
    return made


def segmenter_options() -> bytes:
    """MediaPipe's options of an image segmenter: a sigmoid is to be done."""
    made = segmenter.ImageSegmenterOptionsT()
    made.activation = segmenter.Activation.SIGMOID
    builder = flatbuffers.Builder(0)
    builder.Finish(made.Pack(builder), b"V001")
    return bytes(builder.Output())


def models() -> dict[str, Any]:
    """Name of a file -> metadata."""
    photo = image(colorSpace=schema.ColorSpaceType.RGB)
    half = unit("NormalizationOptions", mean=[127.5], std=[127.5])
    channels = unit("NormalizationOptions", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    feature = content_of("FeatureProperties")
    labels = [file("en.txt", "TENSOR_AXIS_LABELS", "en"), file("de.txt", "TENSOR_AXIS_LABELS", "de")]
    return {
        "classifier": model(
            "birds", [tensor("image", content=photo, processUnits=[channels])],
            [tensor("probability", content=feature, associatedFiles=labels, stats=stats([0.0], [1.0]),
                    processUnits=[unit("ScoreCalibrationOptions", defaultScore=0.2)])],
            version="v2", author="someone", license="Apache License. Version 2.0", description="Birds.",
        ),
        "detector": model(
            "detector", [tensor("image", content=photo, processUnits=[half])],
            [tensor("score", content=feature,
                    processUnits=[unit("ScoreThresholdingOptions", globalScoreThreshold=0.375)]),
             tensor("location", content=content_of("BoundingBoxProperties", index=[0, 1, 2, 3], type=2,
                                                   coordinateType=1)),
             tensor("number of detections", content=feature),
             tensor("category", content=feature, associatedFiles=[file("labels.txt", "TENSOR_VALUE_LABELS")])],
            outputTensorGroups=[group("detection_result", ["location", "category", "score"])],
        ),
        "segmenter": model(
            "segmenter", [tensor("image", content=image(colorSpace=schema.ColorSpaceType.GRAYSCALE),
                                 processUnits=[unit("NormalizationOptions", mean=[0.0], std=[255.0])])],
            [tensor("mask", content=image(colorSpace=schema.ColorSpaceType.GRAYSCALE),
                    associatedFiles=[file("labels.txt", "TENSOR_AXIS_LABELS")])],
        ),
        "ssd": model(
            "ssd", [tensor("image", content=photo, processUnits=[half])],
            [tensor("boxes", content=content_of("BoundingBoxProperties", index=[1, 0, 3, 2], type=1)),
             tensor("classes", content=feature), tensor("scores", content=feature)],
        ),
        "masker": model(
            "masker", [tensor("image", content=photo)], [tensor("mask", content=photo)],
            customMetadata=[custom("SEGMENTER_METADATA", segmenter_options())],
        ),
        "sound": model(
            "sound", [tensor("audio", content=content_of("AudioProperties", sampleRate=16000, channels=1))],
            [tensor("scores", content=feature, associatedFiles=[file("labels.txt", "TENSOR_AXIS_LABELS")])],
        ),
    }  # fmt: skip


def plain(value: Any) -> Any:
    """What the generated classes read, as JSON."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, str | int | float | bool | None):
        return value
    return {key: plain(item) for key, item in vars(value).items() if item is not None}


def main() -> None:
    """Writes them all."""
    FOLDER.mkdir(exist_ok=True)
    for name, made in models().items():
        builder = flatbuffers.Builder(0)
        builder.Finish(made.Pack(builder), b"M001")
        data = bytes(builder.Output())
        (FOLDER / f"{name}.bin").write_bytes(data)
        read = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(data, 0))
        (FOLDER / f"{name}.json").write_text(json.dumps(plain(read), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
