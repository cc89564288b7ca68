"""Whether a cost table can be planned with: all that a plan hangs on is there, and the times can be a processor's."""

from __future__ import annotations

from collections.abc import Iterator

from edgemm.costs.point import DYNAMIC, FLOAT, INT8, Point
from edgemm.costs.table import CostTable
from edgemm.errors import InputError

NEEDED = {
    "conv": (FLOAT, INT8, DYNAMIC),
    "conv_1x1": (FLOAT, INT8, DYNAMIC),
    "conv_depthwise": (FLOAT, INT8),
    "gemm": (FLOAT, INT8, DYNAMIC),
    "add": (FLOAT, INT8),
    "change": (INT8,),
}
"""Kinds -> precisions without which the forms of a network cannot be told apart."""
MOST_PER_US = 1e7
"""Float multiplications in a microsecond on one thread: a hundred times what the fastest has."""
LEAST_PER_US = {"AVX2": 300.0, "NEON": 100.0, "": 0.1}
"""Instructions -> the same, a tenth of what the slowest that has them does."""
AGAIN = "Measure one on the device: edgemm bench --costs -o FILE"


def require_usable(table: CostTable, format_: str, path: str) -> None:
    """Refuses a table whose plans would rest on nothing.

    Args:
        format_: "tflite" or "onnx": the points that are planned with.
        path: of the table, for the message.

    Raises:
        InputError: it has no times for that format, a kind is missing, or the times cannot be in microseconds.
    """
    points = table.points.get(format_, ())
    if not points:
        raise InputError(
            f"costs (--costs): {path} has no times of .{format_} files: that machine lacked their runtime. Convert to "
            "the other format, or measure again where it is installed"
        )
    wrong = "; ".join((*_missing(points), *_of_another_unit(table, points)))
    if wrong:
        raise InputError(f"costs (--costs): {path}: of .{format_} files, {wrong}. {AGAIN}")


def _missing(points: tuple[Point, ...]) -> Iterator[str]:
    there = {(each.kind, each.precision) for each in points}
    for kind, precisions in NEEDED.items():
        lacking = [each for each in precisions if (kind, each) not in there]
        if lacking:
            yield f"there are no times of {kind!r} in {' and '.join(lacking)}"


def _of_another_unit(table: CostTable, points: tuple[Point, ...]) -> Iterator[str]:
    """What is computed in a microsecond, at best."""
    rates = [
        (each.work.macs / each.us, each) for each in points if each.precision == FLOAT and each.work.macs
    ]
    if not rates:
        return
    rate, best = max(rates, key=lambda each: each[0])
    known = {*table.instructions.split(), ""}
    least = max(number for name, number in LEAST_PER_US.items() if name in known)
    if not least <= rate <= MOST_PER_US:
        much = "too many" if rate > least else "too few"
        yield (
            f"the times cannot be microseconds: {best.kind!r} in float, {best.work.macs} multiplications in "
            f"{best.us:g}, would be {much} for {table.instructions or 'any processor'}"
        )
