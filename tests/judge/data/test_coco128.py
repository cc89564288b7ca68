"""Readers and metrics on real pictures: figures that were worked out by hand before."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemm.judge import metric
from edgemm.judge.data import read_truth
from edgemm.results import Detections, Segmentation

pytestmark = pytest.mark.shared

COCO_80 = (  # noqa: SIM905
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,"
    "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,"
    "skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,"
    "cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,"
    "refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
).split(",")


def here(*parts: str) -> Path:
    path = Path(os.environ.get("EDGEMM_SHARED", "/nowhere"), *parts)
    if not path.exists():
        pytest.skip("the models or pictures are not here: set EDGEMM_SHARED")
    return path


def test_map_of_ssd_mobilenet() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    file = here("models", "detect", "ssd_mobilenet_v1_coco_quant.tflite")
    labels = zipfile.ZipFile(file).read("labelmap.txt").decode().splitlines()
    data = read_truth(here("data", "coco128_val"), "detection", labels=labels, names=COCO_80)
    model = litert.Interpreter(str(file), num_threads=1)
    model.allocate_tensors()
    judge = metric("detection")
    for sample in data.samples:
        pixels = cv2.imread(str(sample.picture))[:, :, ::-1]
        height, width = pixels.shape[:2]
        model.set_tensor(model.get_input_details()[0]["index"], cv2.resize(pixels, (300, 300))[None])
        model.invoke()
        boxes, classes, scores, _ = (
            model.get_tensor(each["index"])[0] for each in model.get_output_details()
        )
        kept = scores >= 0.05
        places = np.clip(boxes[kept][:, [1, 0, 3, 2]], 0, 1) * np.array([width, height, width, height])
        found = Detections(places.astype(np.float32), scores[kept], classes[kept].astype(np.int64))
        judge.add(found, sample.truth((width, height)))
    report = judge.report()
    assert len(report["classes"]) == 73
    assert judge.value() == pytest.approx(0.359, abs=0.005)


def test_persons_of_sinet() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    from edgemm.onnx_runtime import onnx_runtime

    file = here("models", "segment", "sinet_portrait.onnx")
    data = read_truth(
        here("data", "coco128_val"), "segmentation", labels=("background", "person"), names={1: "person"}
    )
    options = onnx_runtime().SessionOptions()
    options.log_severity_level = 3
    model = onnx_runtime().InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    mean, std = (102.890434, 111.25247, 126.91212), (62.93292, 62.82138, 66.355705)
    judge = metric("segmentation")
    for sample in data.samples:
        pixels = cv2.imread(str(sample.picture))
        height, width = pixels.shape[:2]
        truth: Any = sample.truth((width, height))
        if (truth.classes == 1).mean() <= 0.15:
            continue
        tensor = ((cv2.resize(pixels, (320, 320)) - np.array(mean)) / np.array(std) / 255).transpose(2, 0, 1)
        scores = model.run(None, {model.get_inputs()[0].name: tensor[None].astype(np.float32)})[0][0, 1]
        person = cv2.resize(scores, (width, height)) > 0.5
        judge.add(Segmentation(person.astype(np.uint8)), truth)
    one = judge.report()["classes"]["1"]
    assert one["pictures"] == 25
    assert one["iou_by_picture"] == pytest.approx(0.46, abs=0.01)
