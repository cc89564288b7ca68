"""Which outputs hold the points and the presence, and what the points are called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgemm.errors import CardError
from edgemm.tasks.landmarks.recipe import LandmarksRecipe
from edgemm.tasks.landmarks.skeletons import SKELETONS, Edges, Skeleton
from edgemm.tensors import TensorSpec


@dataclass(frozen=True, slots=True)
class PointsForm:
    """One output with points."""

    spec: TensorSpec
    count: int
    """Points to keep."""
    channels_last: bool
    """Heat maps: [1, H, W, K], not [1, K, H, W]."""
    names: tuple[str, ...]
    """One for each point, or none."""
    edges: Edges


def find_points(recipe: LandmarksRecipe, labels: tuple[str, ...], specs: Sequence[TensorSpec]) -> PointsForm:
    """The output that the recipe names, or the first that fits.

    Raises:
        CardError: none fits, or it has fewer points than the recipe, the skeleton, the names or the lines need.
    """
    skeleton = _skeleton(recipe, labels)
    wanted = recipe.count or skeleton.count
    named = [spec for spec in specs if recipe.points in ("", spec.name)]
    for spec in named:
        if spec.name in (recipe.presence, recipe.refine):
            continue
        found, last = _vectors(recipe, spec) if recipe.form == "vectors" else _heat_maps(recipe, spec, wanted)
        if found >= max(wanted, 1):
            exact = recipe.count or (skeleton.count if recipe.skeleton else 0)
            return _checked(spec, exact or found, last, skeleton)
    needed = f"{wanted} points or more" if wanted else "points"
    shape = (
        f"a multiple of {len(recipe.values)} numbers ({', '.join(recipe.values)} for each point)"
        if recipe.form == "vectors"
        else "[1, H, W, K] or [1, K, H, W]"
    )
    listed = "; ".join(f"{spec.name!r} {spec.dtype}{list(spec.shape)}" for spec in named or specs)
    raise CardError(
        f"landmarks.points: expected {f'output {recipe.points!r}' if recipe.points else 'an output'} with {needed}, "
        f"{shape}, float or quantized; found {listed}. Correct `points`, `form`, `values` or `count` in the card"
    )


def find_presence(recipe: LandmarksRecipe, specs: Sequence[TensorSpec]) -> TensorSpec | None:
    """The output that tells whether the thing is there; None where the recipe names none.

    Raises:
        CardError: there is no such output, or it holds more than one number.
    """
    if not recipe.presence:
        return None
    for spec in specs:
        if spec.name == recipe.presence and math.prod(spec.shape) in (1, -1) and _is_real(spec):
            return spec
    listed = "; ".join(f"{spec.name!r} {spec.dtype}{list(spec.shape)}" for spec in specs)
    raise CardError(
        f"landmarks.presence: expected {recipe.presence!r} to be an output with one number, float or quantized; "
        f"found {listed}"
    )


def find_refining(recipe: LandmarksRecipe, specs: Sequence[TensorSpec], count: int) -> TensorSpec | None:
    """The output whose heat maps move the points; None where the recipe names none.

    Raises:
        CardError: there is no such output, or it has fewer maps than there are points.
    """
    if not recipe.refine:
        return None
    for spec in specs:
        if spec.name == recipe.refine and _holds_maps(spec, count):
            return spec
    listed = "; ".join(f"{spec.name!r} {spec.dtype}{list(spec.shape)}" for spec in specs)
    raise CardError(
        f"landmarks.refine: expected {recipe.refine!r} to be an output [1, H, W, K] with a map for each of {count} "
        f"points, float or quantized; found {listed}"
    )


def _holds_maps(spec: TensorSpec, count: int) -> bool:
    """[1, H, W, K] with a map for each point."""
    fits = len(spec.shape) == 4 and spec.shape[0] in (1, -1) and min(spec.shape[1:]) > 0
    return fits and spec.shape[3] >= count and _is_real(spec)


def _skeleton(recipe: LandmarksRecipe, labels: tuple[str, ...]) -> Skeleton:
    """Of the name in the recipe, or of its names and lines; without names, the card's labels."""
    if recipe.skeleton:
        return SKELETONS[recipe.skeleton]
    names = recipe.names or labels
    pairs = tuple(zip(recipe.edges[::2], recipe.edges[1::2], strict=True))
    return Skeleton(len(names), names, pairs)


def _checked(spec: TensorSpec, count: int, last: bool, skeleton: Skeleton) -> PointsForm:
    names = skeleton.names
    if names and len(names) != count:
        raise CardError(
            f"landmarks.names: expected one for each of {count} points, found {len(names)}. Correct `count`, or the "
            "names"
        )
    highest = max((at for edge in skeleton.edges for at in edge), default=-1)
    if highest >= count:
        raise CardError(
            f"landmarks.edges: expected numbers of points from 0 to {count - 1}, found {highest}. Correct `count`, or "
            "the lines"
        )
    return PointsForm(spec, count, last, names, skeleton.edges)


def _vectors(recipe: LandmarksRecipe, spec: TensorSpec) -> tuple[int, bool]:
    """How many points an output holds; 0 where it cannot hold any."""
    size, width = math.prod(spec.shape), len(recipe.values)
    batch_of_one = len(spec.shape) < 2 or spec.shape[0] == 1 or spec.shape[-1] == width
    if not _is_real(spec) or min(spec.shape, default=0) < 1 or size % width or not batch_of_one:
        return 0, True
    return size // width, True


def _heat_maps(recipe: LandmarksRecipe, spec: TensorSpec, wanted: int) -> tuple[int, bool]:
    if not _is_real(spec) or len(spec.shape) != 4 or spec.shape[0] not in (1, -1) or 0 in spec.shape:
        return 0, True
    first, _, last = spec.shape[1:]
    if recipe.layout != "auto":
        return (last, True) if recipe.layout == "NHWC" else (first, False)
    if min(first, last) < 1:
        return (last, True) if last > first else (first, False)
    if wanted and (first == wanted) != (last == wanted):
        return (last, True) if last == wanted else (first, False)
    return (last, True) if last <= first else (first, False)


def _is_real(spec: TensorSpec) -> bool:
    return spec.quantized or spec.dtype.startswith("float")
