"""What is wrong with a pruned file, though it was written: sentences that the user must not miss."""

from __future__ import annotations

from collections.abc import Mapping

from edgemm.converters.fidelity import MIN_SNR_DB, Fidelity, OutputFidelity
from edgemm.converters.latency import Latency
from edgemm.quantize.prune.removal import PruneReport

MOST_LOST = 0.02
"""Of the accuracy, 0..1: more is poor."""
ROUNDING = 1e-9
SLOWER = 1.05
"""Of the source's time: clocks are not steadier."""
_RUNTIMES = {"onnx": "ONNX Runtime", "tflite": "LiteRT"}
INSTEAD = "Prune less, give more data with --calibrate, or train what is left (edgemm shrink)"


def warnings_of(fidelity: Fidelity, report: PruneReport) -> tuple[str, ...]:
    """On outputs of which too little is kept, and on a file that has grown; () where all is well."""
    found = [sentence for each in fidelity.outputs for sentence in _of(each)]
    before, after = report.before["size"], report.after["size"]
    if after > before:
        found.append(
            f"the file is larger than the source: {after:,.0f} bytes, and the source {before:,.0f}. The card and the "
            "test inputs are a part of it; and what the source states once, or in fewer bits, may stand in it "
            "several times, or in float32"
        )
    return tuple(found)


def slower(latencies: Mapping[str, tuple[Latency, Latency]]) -> list[str]:
    """Notes on the runtimes in which the pruned file takes longer than its source.

    Args:
        latencies: format -> before and after.
    """
    return [
        f"it is slower than the source in {_RUNTIMES.get(each, each)} here: {after.median_ms:.3g} ms, and the source "
        f"{before.median_ms:.3g} ms, measured in turns. Less work is not always less time: ask for milliseconds (ms=) "
        "where it is time that counts"
        for each, (before, after) in latencies.items()
        if after.median_ms > SLOWER * before.median_ms
    ]


def _of(each: OutputFidelity) -> list[str]:
    found = []
    if each.accuracy is not None and each.accuracy_float is not None:
        lost = each.accuracy_float - each.accuracy
        if lost > MOST_LOST + ROUNDING:
            found.append(
                f"output {each.name!r}: {100 * lost:.1f} points of accuracy are lost ({each.accuracy:.1%}, and "
                f"{each.accuracy_float:.1%} in the source). {INSTEAD}"
            )
    if not each.not_measured and each.worst_db < MIN_SNR_DB:
        found.append(
            f"output {each.name!r}: little of it is kept, {each.worst_db:.1f} dB against the source (below "
            f"{MIN_SNR_DB:.0f} dB is poor). {INSTEAD}"
        )
    if each.wrongly_infinite or each.not_measured == "file":
        found.append(f"output {each.name!r} has infinite or NaN values that the source does not have")
    return found
