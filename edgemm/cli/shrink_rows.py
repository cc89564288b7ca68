"""What `edgemm shrink` tells of its steps, as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.cli.output import size

if TYPE_CHECKING:
    from edgemm.converters.shrinking import ShrunkFile

HEADER = ("step", "size", "ms", "of source", "SNR dB", "same class", "accuracy")


def step_rows(done: ShrunkFile) -> list[tuple[str, ...]]:
    """A row for each step; "-" for what nobody measured."""
    first = done.steps[0].latency_ms
    rows: list[tuple[str, ...]] = []
    for each in done.steps:
        kept = each.fidelity.outputs[0] if each.fidelity is not None else None
        rows.append(
            (
                each.name, size(each.size_bytes), f"{each.latency_ms:.4g}",
                f"{each.latency_ms / first:.2f}" if first else "-",
                "-" if kept is None else f"{kept.snr_db:.1f}",
                _share(None if kept is None else kept.top1_agreement),
                _share(each.accuracy),
            )
        )  # fmt: skip
    return rows


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
