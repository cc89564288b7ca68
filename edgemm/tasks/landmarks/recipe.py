"""What a card says about landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.errors import CardError
from edgemm.frozen import dataclass, field


@dataclass(frozen=True, slots=True)
class LandmarksRecipe:
    """How outputs become points in the source."""

    points: str = ""
    """Name of the output with the points or the heat maps; "" for the first that fits."""
    form: Literal["vectors", "heat-maps"] = "vectors"
    """vectors: some numbers for each point, one point after the other. heat-maps: a map for each point, highest where
    the point is."""
    values: tuple[Literal["x", "y", "z", "score", "skip"], ...] = ("x", "y")
    """vectors: what the numbers of one point are, in their order. z: depth in the unit of x, smaller is nearer. score:
    how sure the point is, see `scores`."""
    unit: Literal["pixels", "fraction", "centered"] = "pixels"
    """vectors: what coordinates are counted in. pixels: of the input tensor, 0 at its edge. fraction: 0..1 of its width
    and height. centered: -1..1."""
    scores: Literal["probabilities", "logits"] = "probabilities"
    """What the scores of points are, or the values of heat maps. The sigmoid of logits is taken."""
    count: int = 0
    """Points to keep, the first ones of the output; 0 for all."""
    presence: str = ""
    """Name of the output with one number: that the face, body or hand is there. "" where there is none."""
    presence_decode: Literal["probability", "logit"] = "probability"
    """What that number is. The sigmoid of a logit is taken."""
    threshold: float = 0.5
    """Smallest presence of a result with points. Without a presence output, the mean score of the points is compared
    with it; where points have no score either, it is ignored."""
    layout: Literal["auto", "NHWC", "NCHW"] = "auto"
    """heat-maps: order of the axes. auto: the axis that has as many maps as the skeleton has points; without one, the
    smaller one of the two that may be maps."""
    peak: Literal["parabola", "quarter", "centroid", "cell"] = "parabola"
    """heat-maps: how the point is placed between cells. parabola: the top of the parabolas through the highest cell and
    its neighbours. quarter: a quarter of a cell towards the higher neighbour. centroid: the centre of mass of the
    3 x 3 cells. cell: the middle of the highest cell. `offset` moves all of them."""
    offset: float = 0.5
    """heat-maps: where in a cell its value stands. 0.5: in its middle. 0: at its left and top edge, for networks whose
    training rounded coordinates to cell numbers."""
    refine: str = ""
    """vectors: name of an output with a heat map of logits for each point, [1, H, W, K], that moves the points: each to
    the centre of mass of the cells around it. "" where there is none."""
    refine_cells: int = 7
    """vectors with `refine`: how many cells on a side are looked at around a point; an odd number."""
    refine_least: float = 0.5
    """vectors with `refine`: smallest probability that the highest of these cells needs, or the point stays."""
    skeleton: Literal[
        "", "coco17", "mediapipe_pose33", "mediapipe_pose39", "mediapipe_hand21", "mediapipe_face468"
    ] = ""
    """Names of the points and the lines between them; "" for those of `names` and `edges`."""
    names: tuple[str, ...] = ()
    """Name of each point, where no skeleton is named; [] for none."""
    edges: tuple[int, ...] = ()
    """Lines for drawing, where no skeleton is named: numbers of points, two for each line. [0, 1, 1, 2] joins point 0
    to 1 and 1 to 2."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "count": (0, 1 << 14),
        "threshold": (0.0, 1.0),
        "offset": (0.0, 1.0),
        "refine_cells": (1, 1 << 8),
        "refine_least": (0.0, 1.0),
        "edges": (0, 1 << 14),
    }
    OPTIONS: ClassVar[tuple[str, ...]] = ("threshold",)

    def check(self) -> None:
        """The rules between fields.

        Raises:
            CardError: one is broken.
        """
        for value in ("x", "y"):
            if self.form == "vectors" and self.values.count(value) != 1:
                raise CardError(f'values: expected "{value}" once, found {self.values.count(value)} times')
        for value in ("z", "score"):
            if self.values.count(value) > 1:
                raise CardError(
                    f'values: expected "{value}" at most once, found {self.values.count(value)} times'
                )
        if self.refine and self.form != "vectors":
            raise CardError(
                f'refine: expected "" with form heat-maps, which are read themselves, found {self.refine!r}'
            )
        if self.refine_cells % 2 == 0:
            raise CardError(
                f"refine_cells: expected an odd number, with the point in the middle, found {self.refine_cells}"
            )
        if len(self.edges) % 2:
            raise CardError(f"edges: expected two numbers for each line, found {len(self.edges)} numbers")
        if self.skeleton and (self.names or self.edges):
            raise CardError(
                f'skeleton: "{self.skeleton}" has its own names and lines. Leave out `names` and `edges`'
            )
