"""Real files of others: their metadata, read by MediaPipe's classes where they are installed, and what it becomes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_models import check_opens

from edgemm.artifact import read_artifact
from edgemm.foreign import ForeignCard, foreign_card
from edgemm.foreign.guess import Guessed, guess_card
from edgemm.foreign.onnx_file import read_onnx
from edgemm.foreign.tflite_file import read_tflite
from edgemm.foreign.tflite_metadata import NAME, read_metadata

pytestmark = pytest.mark.shared
DESCRIBED = (
    "mobilenet_v1_0.25_128_quant.tflite",
    "detect/ssd_mobilenet_v1_coco_quant.tflite",
    "face/face_landmark.tflite",
    "pose/pose_detection.tflite",
    "speech/yamnet.tflite",
)


def path_of(name: str) -> Path:
    path = Path(os.environ.get("EDGEMM_SHARED", "")) / "models" / name
    if not os.environ.get("EDGEMM_SHARED") or not path.is_file():
        pytest.skip(f"{name} is not here: set EDGEMM_SHARED")
    return path


def card(name: str) -> ForeignCard:
    artifact = read_artifact(path_of(name))
    found = foreign_card(artifact)
    assert found is not None
    check_opens(found, artifact)
    return found


def guess(name: str) -> Guessed:
    artifact = read_artifact(path_of(name))
    return guess_card((read_tflite if artifact.format == "tflite" else read_onnx)(artifact.payload))


@pytest.mark.parametrize("name", DESCRIBED)
def test_metadata_is_read_as_mediapipe_reads_it(name: str) -> None:
    schema: Any = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")
    buffer = read_tflite(path_of(name).read_bytes()).metadata[NAME]
    theirs = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(bytes(buffer), 0))
    ours, graph = read_metadata(buffer), theirs.subgraphMetadata[0]
    assert (ours.name, ours.licence) == ((theirs.name or b"").decode(), (theirs.license or b"").decode())
    for tensors, others in (
        (ours.inputs, graph.inputTensorMetadata),
        (ours.outputs, graph.outputTensorMetadata),
    ):
        assert [each.name for each in tensors] == [(each.name or b"").decode() for each in others]
        for ours_, other in zip(tensors, others, strict=True):
            assert ours_.content == (0 if other.content is None else other.content.contentPropertiesType)
            files = [each.name.decode() for each in other.associatedFiles or ()]
            assert [each.name for each in ours_.files] == files
            units = [each.options for each in other.processUnits or ()]
            assert ours_.mean == tuple(units[0].mean if units else ())
            assert ours_.std == tuple(units[0].std if units else ())


@pytest.mark.parametrize("name", DESCRIBED)
def test_tensors_are_those_of_the_runtime(name: str) -> None:
    """Names, types and grids by LiteRT; shapes where the file has them."""
    litert: Any = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(model_path=str(path_of(name)))
    found = read_tflite(path_of(name).read_bytes())
    for specs, details in (
        (found.inputs, interpreter.get_input_details()),
        (found.outputs, interpreter.get_output_details()),
    ):
        assert [spec.name for spec in specs] == [each["name"] for each in details]
        assert [np.dtype(spec.dtype) for spec in specs] == [each["dtype"] for each in details]
        assert [(spec.scale, spec.zero_point) for spec in specs] == [each["quantization"] for each in details]
        assert all(
            spec.shape in ((), tuple(each["shape"])) for spec, each in zip(specs, details, strict=True)
        )


def test_a_detector_with_its_labels() -> None:
    found = card("detect/ssd_mobilenet_v1_coco_quant.tflite")
    section = found.content["detection"]
    assert {"head": "postprocess", "box": "yxyx", "coordinates": "normalized"}.items() <= section.items()
    assert section["scores_outputs"] == ["TFLite_Detection_PostProcess:2"]
    assert (found.card.labels[0], found.card.labels[11], len(found.card.labels)) == ("person", "???", 90)
    assert "label_offset" not in section


def test_without_its_metadata_the_same_card(tmp_path: Path) -> None:
    """The metadata's name overwritten: the custom operator and the archive say as much."""
    path = path_of("detect/ssd_mobilenet_v1_coco_quant.tflite")
    bare = tmp_path / path.name
    bare.write_bytes(path.read_bytes().replace(b"TFLITE_METADATA", b"TFLITE_METADAT_"))
    first, second = card("detect/ssd_mobilenet_v1_coco_quant.tflite"), foreign_card(read_artifact(bare))
    assert second is not None
    assert second.origin == "TFLite_Detection_PostProcess"
    for key in ("task", "labels", "inputs", "outputs", "detection"):
        assert first.card.to_dict()[key] == second.card.to_dict()[key], key


def test_a_classifier_and_sound() -> None:
    found = card("mobilenet_v1_0.25_128_quant.tflite").card
    assert (found.task, len(found.labels), found.labels[0]) == ("classification", 1001, "background")
    heard = card("speech/yamnet.tflite").card
    assert (heard.task, len(heard.labels), heard.labels[0]) == ("tagging", 521, "Speech")
    assert heard.inputs[0].audio is not None
    assert heard.inputs[0].audio.samples == 15600


def test_an_alphabet() -> None:
    found = card("ocr/ppocr3_rec.onnx")
    assert (found.origin, len(found.card.labels), found.card.labels[0]) == ("PP-OCR", 6625, "blank")


@pytest.mark.parametrize(
    "name", ["ocr/ppocr3_det.onnx", "blazeface_short_range.tflite", "mlperf_tiny/kws_dscnn_f32.tflite"]
)
def test_files_that_say_nothing(name: str) -> None:
    assert foreign_card(read_artifact(path_of(name))) is None


@pytest.mark.parametrize(
    ("name", "task", "confidence"),
    [
        ("blazeface_short_range.tflite", "detection", "likely"),
        ("detect/ultraface_rfb320.onnx", "detection", "unsure"),
        ("detect/ssd_mobilenet_v1_coco_quant.tflite", "detection", "sure"),
        ("pose/pose_detection.tflite", "detection", "likely"),
        ("pose/pose_landmark_lite.tflite", "landmarks", "likely"),
        ("face/face_landmark.tflite", "landmarks", "likely"),
        ("deeplabv3_mnv2_dm05_pascal_quant.tflite", "segmentation", "sure"),
        ("segment/sinet_portrait.onnx", "segmentation", "sure"),
        ("mobilenet_v1_0.25_128_quant.tflite", "classification", "likely"),
        ("enhance/esrgan_slim_x2.onnx", "tensors", "unsure"),
        ("generate/style_wave.onnx", "tensors", "unsure"),
        ("ocr/ppocr3_rec.onnx", "tensors", "unsure"),
    ],
)
def test_guesses(name: str, task: str, confidence: str) -> None:
    found = guess(name)
    assert (found.content["task"], found.guesses[-1].confidence) == (task, confidence)
