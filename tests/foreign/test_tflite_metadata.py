"""TFLite metadata against what MediaPipe's own schema classes read from the same bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from foreign_models import METADATA, metadata

from edgemm.foreign.flatbuffer import BadFlatbuffer
from edgemm.foreign.tflite_metadata import TensorMetadata, read_metadata

NAMES = ("classifier", "detector", "segmenter", "ssd", "masker", "sound")


def reference(name: str) -> Any:
    return json.loads((METADATA / f"{name}.json").read_text(encoding="utf-8"))


def compare(ours: TensorMetadata, theirs: dict[str, Any]) -> None:
    content, properties = theirs.get("content", {}), theirs.get("content", {}).get("contentProperties", {})
    units = {each["optionsType"]: each["options"] for each in theirs.get("processUnits", ())}
    stats = theirs.get("stats", {})
    assert ours.name == theirs["name"]
    assert ours.content == content.get("contentPropertiesType", 0)
    assert ours.color == properties.get("colorSpace", 0)
    assert (ours.sample_rate, ours.channels) == (
        properties.get("sampleRate", 0),
        properties.get("channels", 0),
    )
    assert ours.mean == pytest.approx(units.get(1, {}).get("mean", ()))
    assert ours.std == pytest.approx(units.get(1, {}).get("std", ()))
    assert ours.threshold == units.get(3, {}).get("globalScoreThreshold")
    assert ours.calibrated == (2 in units)
    assert ours.stats == (tuple(stats.get("min", ())), tuple(stats.get("max", ())))
    files = [(each.name, each.kind, each.locale) for each in ours.files]
    assert files == [
        (each["name"], each["type"], each.get("locale", "")) for each in theirs.get("associatedFiles", ())
    ]
    if ours.boxes:
        boxes = list(ours.boxes.index), ours.boxes.kind, int(ours.boxes.pixels)
        assert boxes == (properties["index"], properties["type"], properties.get("coordinateType", 0))


@pytest.mark.parametrize("name", NAMES)
def test_all_is_read_as_mediapipe_reads_it(name: str) -> None:
    ours, theirs = read_metadata(metadata(name)), reference(name)
    graph = theirs["subgraphMetadata"][0]
    for tensors, key in ((ours.inputs, "inputTensorMetadata"), (ours.outputs, "outputTensorMetadata")):
        assert len(tensors) == len(graph[key])
        for tensor, expected in zip(tensors, graph[key], strict=True):
            compare(tensor, expected)
    said = ours.name, ours.version, ours.author, ours.licence, ours.description
    keys = ("name", "version", "author", "license", "description")
    assert said == tuple(theirs.get(key, "") for key in keys)
    groups = [{"name": group, "tensorNames": list(names)} for group, names in ours.output_groups]
    assert groups == graph.get("outputTensorGroups", [])
    custom = [{"name": name_, "data": list(data)} for name_, data in ours.custom]
    assert custom == graph.get("customMetadata", [])


def test_another_identifier_is_refused() -> None:
    data = bytearray(metadata("sound"))
    data[4:8] = b"M002"
    with pytest.raises(BadFlatbuffer, match="M001"):
        read_metadata(bytes(data))


@pytest.mark.parametrize("length", [0, 3, 8, 40, 200])
def test_cut_short_is_refused(length: int) -> None:
    with pytest.raises(BadFlatbuffer):
        read_metadata(metadata("sound")[:length])
