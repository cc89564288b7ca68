"""Which kind of data a path holds, and reading it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgemm.errors import InputError
from edgemm.judge.data.coco import read_coco
from edgemm.judge.data.labelled import LabelledData
from edgemm.judge.data.masks import is_masks, read_masks
from edgemm.judge.data.targets import is_targets, read_targets
from edgemm.judge.data.voc import is_voc, read_voc
from edgemm.judge.data.yolo import is_yolo, read_yolo

TASKS = ("detection", "segmentation", "landmarks", "picture")
"""Tasks whose truths are read here."""
_COCO = {"landmarks": "*keypoints*.json"}
EXPECTED = {
    "detection": "COCO's JSON of instances, a folder with images/ and labels/ (YOLO), or one with JPEGImages/ and "
    "Annotations/ (PASCAL VOC)",
    "segmentation": "a folder with images/ and masks/ (PNG with class numbers), one with images/ and labels/ (YOLO's "
    "polygons), or COCO's JSON of instances",
    "landmarks": "COCO's JSON of key points",
    "picture": "a folder with images/ and targets/, pictures of the same names",
}


def truth_kind(path: Path, task: str) -> str:
    """ "coco", "yolo", "voc", "masks" or "targets"; "" where the path holds no truths of the task that are known."""
    if task not in TASKS:
        return ""
    if task == "picture":
        return "targets" if path.is_dir() and is_targets(path) else ""
    if path.suffix.lower() == ".json" and path.is_file():
        return "coco"
    if not path.is_dir():
        return ""
    if task == "segmentation" and is_masks(path):
        return "masks"
    if task == "detection" and is_voc(path):
        return "voc"
    if is_yolo(path, task):
        return "yolo"
    return "coco" if _json(path, task) else ""


def _json(folder: Path, task: str) -> list[Path]:
    pattern = _COCO.get(task, "*instances*.json")
    return sorted(
        {
            *folder.glob(pattern),
            *folder.glob(f"annotations/{pattern}"),
            *folder.glob("_annotations.coco.json"),
        }
    )


def read_truth(
    path: str | Path,
    task: str,
    *,
    labels: Sequence[str] = (),
    names: Sequence[str] | Mapping[int, str] | None = None,
) -> LabelledData:
    """The pictures and truths at a path.

    Args:
        path: COCO's JSON, or a folder.
        task: "detection", "segmentation", "landmarks" or "picture".
        labels: of the model: class numbers are made its own, matched by name. Without, they stay the data's.
        names: YOLO: name of each class number, where the data do not say it.

    Raises:
        InputError: nothing that is known, or it is damaged; names file and line.
    """
    where = Path(path)
    kind = truth_kind(where, task)
    if kind == "coco":
        data = read_coco(_one(where, task), task)
    elif kind == "yolo":
        data = read_yolo(where, task, names)
    elif kind == "voc":
        data = read_voc(where)
    elif kind == "masks":
        data = read_masks(where)
    elif kind == "targets":
        return read_targets(where)
    else:
        known = EXPECTED.get(task, f"the truths of one of {', '.join(TASKS)}")
        raise InputError(f"{where}: expected {known}; found nothing of the kind")
    return data.for_labels(labels)


def _one(path: Path, task: str) -> Path:
    if path.is_file():
        return path
    found = _json(path, task)
    best = [each for each in found if "val" in each.stem] or found
    if len(best) > 1:
        raise InputError(
            f"{path}: expected one file of COCO, found {', '.join(each.name for each in best)}. Name one"
        )
    return best[0]
