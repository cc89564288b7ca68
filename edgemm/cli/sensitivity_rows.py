"""What a network loses when each width is pruned alone: a table, and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemm.quantize.prune.points import Point, Sensitivity


def header(found: Sensitivity) -> tuple[str, ...]:
    """Of the table."""
    figure = ("score", "change") if found.measure == "score" else ("error",)
    more = ("accuracy",) if found.accuracy is not None else ("same class",) if _classes(found) else ()
    return ("layers", "left", "MACs left", *figure, *more)


def sensitivity_rows(found: Sensitivity) -> list[tuple[str, ...]]:
    """A row for each point."""
    return [_row(found, each) for each in found.points]


def _row(found: Sensitivity, each: Point) -> tuple[str, ...]:
    figure: tuple[str, ...] = (f"{each.score:.4g}", f"{-found.lost(each):+.4g}")
    if found.measure != "score":
        figure = (f"{found.lost(each):.1%}",)
    share = each.accuracy if found.accuracy is not None else each.agreement
    more = (f"{share:.1%}",) if share is not None else ()
    return (
        name_of(each), f"{each.before} -> {each.after} {each.kind}", f"{each.macs:.2f}", *figure, *more,
    )  # fmt: skip


def _classes(found: Sensitivity) -> bool:
    return any(each.agreement is not None for each in found.points)


def name_of(point: Point) -> str:
    """ "/conv1/Conv and 2 more": layers that lose the same channels."""
    more = f" and {len(point.layers) - 1} more" if len(point.layers) > 1 else ""
    return f"{point.layers[0]}{more}"


def lost(found: Sensitivity, point: Point) -> str:
    """ "error 3.1%", with the change of accuracy, or how often the class is the same, where that is known."""
    if found.measure == "score":
        return f"{-found.lost(point):+.3g}"
    words = f"error {found.lost(point):.1%}"
    if point.accuracy is not None and found.accuracy is not None:
        return f"{words}, accuracy {100 * (point.accuracy - found.accuracy):+.1f} points"
    return words if point.agreement is None else f"{words}, same class {point.agreement:.1%}"


def summary(found: Sensitivity) -> str:
    """A few sentences: what was done, and where pruning costs least and most for what it saves."""
    whole = f" The whole network scores {found.score:.4g}." if found.measure == "score" else ""
    if found.accuracy is not None:
        whole = f" The whole network has an accuracy of {found.accuracy:.1%}."
    said = f"Each bar is one width pruned alone, nothing trained.{whole}"
    priced = sorted(_middles(found), key=lambda each: _price(found, each))
    if len(priced) < 2:
        return said
    cheap, dear = priced[0], priced[-1]
    low, high = name_of(cheap), name_of(dear)
    return (
        f"{said} For the MACs that it saves, pruning costs least at {low} ({cheap.before} -> {cheap.after}: "
        f"{lost(found, cheap)}, {cheap.macs:.0%} of the MACs left) and most at {high} ({dear.before} -> {dear.after}: "
        f"{lost(found, dear)}, {dear.macs:.0%} left)."
    )


def _middles(found: Sensitivity) -> list[Point]:
    """Of each width, the removal in the middle; none where it saves no MACs."""
    widths: dict[tuple[str, ...], list[Point]] = {}
    for each in found.points:
        widths.setdefault(each.layers, []).append(each)
    chosen = (points[len(points) // 2] for points in widths.values())
    return [each for each in chosen if each.macs < 1]


def _price(found: Sensitivity, point: Point) -> float:
    """What is lost for each part of the MACs that is saved."""
    return max(found.lost(point), 0.0) / (1 - point.macs)
