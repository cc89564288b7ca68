"""What `edgemm prune` tells, as rows of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.cli.output import size

if TYPE_CHECKING:
    from edgemm.converters.pruning import PrunedFile

REMOVED_HEADER = ("layer", "removed", "left", "of", "what")
MEASURE_HEADER = ("measure", "before", "after", "left")


def removed_rows(done: PrunedFile) -> list[tuple[str, ...]]:
    """What was removed, layer by layer."""
    return [
        (each.layer, str(each.before - each.after), str(each.after), str(each.before), each.kind)
        for each in done.report.removed
    ]


def measure_rows(done: PrunedFile) -> list[tuple[str, ...]]:
    """Work, size and latency before and after."""
    before, after = done.report.before, done.report.after
    rows: list[tuple[str, ...]] = [
        (
            "multiply-accumulates",
            f"{before['macs']:,.0f}",
            f"{after['macs']:,.0f}",
            f"{done.report.left('macs'):.3f}",
        ),
        (
            "parameters",
            f"{before['parameters']:,.0f}",
            f"{after['parameters']:,.0f}",
            f"{done.report.left('parameters'):.3f}",
        ),
        ("size", size(int(before["size"])), size(int(after["size"])), f"{done.report.left('size'):.3f}"),
    ]
    names = {"onnx": "latency, ONNX Runtime", "tflite": "latency, LiteRT"}
    for each, (one, other) in done.latencies.items():
        share = other.median_ms / one.median_ms if one.median_ms else 0.0
        rows.append((names.get(each, each), str(one), str(other), f"{share:.3f}"))
    return rows
