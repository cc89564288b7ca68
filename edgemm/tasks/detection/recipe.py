"""How boxes are read out of a detector's outputs: the card's section "detection"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.frozen import dataclass, field

Head = Literal["yolo", "end-to-end", "grid", "anchors", "boxes", "distances", "postprocess"]
Box = Literal["", "xyxy", "yxyx", "xywh", "cxcywh", "cycxhw"]


@dataclass(frozen=True, slots=True)
class DetectionRecipe:
    """How boxes are read out of a detector's outputs.

    The fields up to `points` apply to every head; those from `strides` on to the heads that they name. Names of
    outputs are only needed where shapes leave a doubt: see each head in `head`.
    """

    head: Head = "yolo"
    """What the outputs are.
    yolo: one row of cx, cy, w, h, [objectness,] a score for each class [, key points] for each candidate, decoded
    ([1, N, 4+C] or [1, 4+C, N]; YOLOv5, v7 with objectness; v8, v9, v11, v12 without), joined or as separate outputs.
    end-to-end: one row for each found object, NMS done ([1, N, 6]: left, top, right, bottom, score, class; YOLOv10,
    exports with NMS inside).
    grid: the same rows as yolo, not decoded: relative to the cells of one grid for each stride; see `grid`.
    anchors: box offsets to anchors and scores in two outputs ([1, N, 4+2K] and [1, N, C]; SSD, BlazeFace, BlazePose's
    detector, palm).
    boxes: boxes, decoded, and scores in two outputs ([1, N, 4] and [1, N, C]; UltraFace).
    distances: distances from a point of each cell to the four sides, of one grid for each stride; see `bins` (YOLOv8
    before its decoding, NanoDet, SCRFD).
    postprocess: boxes, classes, scores and their count in four outputs, NMS done (TFLite_Detection_PostProcess,
    EfficientNMS)."""
    threshold: float = 0.25
    """Smallest score of a detection, 0..1. Objectness times class score where there is objectness."""
    iou: float = 0.5
    """Intersection over union above which two boxes are of one object; not used with nms none."""
    max_detections: int = 100
    """At most so many boxes for one picture, the best."""
    classes: tuple[str, ...] = ()
    """Labels that are looked for, the others are left out; [] for all."""
    nms: Literal["class-wise", "class-free", "weighted", "none"] = "class-wise"
    """Which of the boxes of one object are left. class-wise: of each class the best. class-free: the best of all
    classes. weighted: as class-free, with box and key points the mean of all its boxes, weighted by score, as
    MediaPipe does. none: all of them. The heads end-to-end and postprocess have it in the model; it is not repeated."""
    max_candidates: int = 2000
    """At most so many boxes, the best, go into NMS."""
    multi_label: bool = False
    """A candidate is a box for each class whose score reaches the threshold, not only for its best class."""
    box: Box = ""
    """Order of the four numbers of a box. xywh: left, top, width, height. "": xyxy for end-to-end and boxes, yxyx for
    postprocess, cxcywh for the rest. For anchors cxcywh or cycxhw (TensorFlow's SSD; MediaPipe's models without
    reverse_output_order), and key points are y, x with the latter."""
    coordinates: Literal["", "normalized", "pixels"] = ""
    """Unit of the boxes: 0..1 of the input tensor's width and height, or its pixels. "": pixels for yolo and
    end-to-end, normalized for boxes and postprocess, strides for distances. Not used for grid and anchors."""
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    """What makes scores and objectness probabilities, where the model does not."""
    score_clip: float = 0.0
    """Sigmoid: numbers are cut to -score_clip..score_clip first (100 for MediaPipe's models); 0: they are not."""
    background: int = -1
    """Number of the class that stands for nothing found, such as 0 for SSD and UltraFace; -1: there is none."""
    label_offset: int = 0
    """Added to the model's class number, the background counted, for its row in the labels: 1 where the labels begin
    with a row that the model does not count (TensorFlow's SSD, whose first row is ???); -1 where class 0 is the
    background and has no row. Boxes of a row ??? are left out."""
    boxes_outputs: tuple[str, ...] = ()
    """Names of the outputs that hold boxes, or whole rows; several are joined along the candidates, in this order. []:
    by their shapes."""
    scores_outputs: tuple[str, ...] = ()
    """Names of the outputs that hold scores, in the same order. []: by their shapes; within the rows for yolo and grid
    whose boxes are not an output of their own."""
    objectness_outputs: tuple[str, ...] = ()
    """For yolo and grid whose parts are separate outputs: names of those with objectness."""
    points_outputs: tuple[str, ...] = ()
    """The same for key points."""
    classes_outputs: tuple[str, ...] = ()
    """postprocess, end-to-end with row xyxy-score: name of the output with class numbers. []: for postprocess by its
    name, or shape."""
    count_outputs: tuple[str, ...] = ()
    """postprocess: name of the output with the number of boxes. [] where there is none, or by
    their names and shapes."""
    layout: Literal["", "rows", "columns"] = ""
    """rows: [1, N, values]. columns: [1, values, N], as YOLOv8 has it. "": the number of values fits one only."""
    objectness: bool = False
    """yolo, grid: the rows have one score that anything is there, before those of the classes."""
    points: int = 0
    """Key points of each box."""
    point_values: int = 2
    """Numbers of each key point: 2, x and y; 3, and a confidence (YOLO-pose), which is not used."""
    row: Literal["xyxy-score-class", "xyxy-class-score", "batch-xyxy-class-score", "xyxy-score"] = (
        "xyxy-score-class"
    )
    """end-to-end: what each row holds, key points behind it. batch-xyxy-class-score: YOLOv7's export with NMS.
    xyxy-score: the classes are in `classes_outputs`; without it there is only one."""

    strides: tuple[int, ...] = ()
    """grid, anchors, distances: pixels of the input between two cells, for each grid in the order of the outputs."""
    grid: Literal["yolox", "yolov3", "yolov5"] = "yolox"
    """grid: how a row is decoded, for a cell at column i with stride s and anchor a.
    yolox: x = (x + i) s, w = exp(w) s. yolov3: x = (sigmoid(x) + i) s, w = exp(w) a.
    yolov5: x = (2 sigmoid(x) - 0.5 + i) s, w = (2 sigmoid(w))^2 a."""
    grid_anchors: tuple[float, ...] = ()
    """grid: width and height in pixels of each anchor, one after another, as many for each stride; not for yolox."""

    anchor_scales: tuple[float, ...] = (0.1484375, 0.75)
    """anchors: smallest and largest size as a part of the input (min_scale, max_scale of MediaPipe's
    SsdAnchorsCalculator, whose rules are followed)."""
    anchor_ratios: tuple[float, ...] = (1.0,)
    """anchors: width over height of the anchors in each cell."""
    anchor_interpolated_ratio: float = 1.0
    """anchors: of one more anchor in each cell whose size is between that of its grid and the next; 0: none."""
    anchor_reduce_lowest: bool = False
    """anchors: the first grid has three set anchors (reduce_boxes_in_lowest_layer)."""
    anchor_fixed_size: bool = True
    """anchors: each has the size 1 x 1, the whole input: only its centre counts."""
    anchor_offset: tuple[float, ...] = (0.5, 0.5)
    """anchors: where in a cell its centre is, x and y, 0..1. distances: where in a cell they are measured from, 0, 0
    for NanoDet-Plus and SCRFD."""
    box_scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """anchors: offsets are divided by these: x, y, width, height. Pixels of the input for MediaPipe's; 10, 10, 5, 5 for
    TensorFlow's SSD."""
    box_exponential: bool = False
    """anchors: width = exp(offset) * anchor (SSD), not offset * anchor (MediaPipe)."""
    bins: int = 0
    """distances: numbers for each side, of which the softmax is the distribution of its distance over 0, 1, 2 ...
    strides: 16 for YOLOv8, 8 for NanoDet; 0: one number, the distance itself (SCRFD)."""
    cell_anchors: int = 1
    """distances: boxes of each cell: 2 for SCRFD."""
    scores_first: bool = False
    """distances: where scores and boxes share an output, the scores come first (NanoDet)."""
    input_wh: tuple[int, ...] = ()
    """grid, anchors, distances: width and height of the input in pixels. []: as the card's input says."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Keys that this version does not know, kept."""

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "threshold": (0, 1),
        "iou": (0, 1),
        "max_detections": (1, 10_000),
        "max_candidates": (1, 100_000),
        "score_clip": (0, 1e6),
        "background": (-1, 100_000),
        "label_offset": (-100_000, 100_000),
        "points": (0, 1000),
        "point_values": (2, 3),
        "strides": (1, 4096),
        "grid_anchors": (1e-3, 1e6),
        "bins": (0, 256),
        "cell_anchors": (1, 64),
        "anchor_scales": (1e-6, 10),
        "anchor_ratios": (1e-3, 1e3),
        "anchor_interpolated_ratio": (0, 1e3),
        "anchor_offset": (0, 1),
        "box_scales": (1e-6, 1e6),
        "input_wh": (1, 1 << 15),
    }
    """Field -> smallest and largest number."""
    OPTIONS: ClassVar[tuple[str, ...]] = ("threshold", "classes", "max_detections", "iou")
    """Fields that a user may set at run time."""

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: one is broken; the message begins with the field's name and a colon.
        """
        for name, allowed in _LENGTHS.items():
            if len(getattr(self, name)) not in allowed:
                wanted = " or ".join(map(str, allowed))
                raise CardError(f"{name}: expected {wanted} numbers, found {len(getattr(self, name))}")
        if self.head in ("grid", "anchors", "distances") and not self.strides:
            raise CardError(f'strides: head "{self.head}" needs the stride of each grid, found none')
        if self.head == "anchors":
            self._check_anchors()
        if self.head == "grid":
            self._check_grid()
        if self.head == "distances" and self.box:
            raise CardError(f'box: head "distances" gives left, top, right and bottom, found "{self.box}"')
        if self.activation == "softmax" and self.objectness:
            raise CardError('activation: objectness is one number, which needs "sigmoid", found "softmax"')
        if self.objectness and self.head not in ("yolo", "grid"):
            raise CardError(f'objectness: only heads "yolo" and "grid" have it, found head "{self.head}"')
        if self.points and self.head in ("grid", "postprocess"):
            raise CardError(f'points: head "{self.head}" has none, found {self.points}')

    def _check_anchors(self) -> None:
        if self.box not in ("", "cxcywh", "cycxhw"):
            raise CardError(f'box: head "anchors" needs "cxcywh" or "cycxhw", found "{self.box}"')
        if not self.anchor_ratios and not self.anchor_interpolated_ratio and not self.anchor_reduce_lowest:
            raise CardError("anchor_ratios: expected at least one anchor in each cell, found none")

    def _check_grid(self) -> None:
        if self.box not in ("", "cxcywh"):
            raise CardError(f'box: head "grid" needs "cxcywh", found "{self.box}"')
        pairs, scales = len(self.grid_anchors), len(self.strides)
        if self.grid == "yolox" and pairs:
            raise CardError('grid_anchors: grid "yolox" has none, found some')
        if self.grid != "yolox" and (not pairs or pairs % (2 * scales)):
            raise CardError(
                f"grid_anchors: expected width and height of equally many anchors for each of {scales} strides, "
                f"found {pairs} numbers"
            )


_LENGTHS: Mapping[str, tuple[int, ...]] = {
    "anchor_scales": (2,),
    "anchor_offset": (2,),
    "box_scales": (4,),
    "input_wh": (0, 2),
    "classes_outputs": (0, 1),
    "count_outputs": (0, 1),
}
"""Field -> how many entries it may have."""
