"""What to do after a conversion, in words: it depends on what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgemm.converters.pipeline.run import Conversion

FEW = 50
"""Samples below which ranges and figures depend on which samples they are."""
FASTER = 0.95
"""Of the float file's latency; above that an int8 file was not worth it for speed."""


def next_steps(done: Conversion) -> list[str]:
    """Sentences, the most important first."""
    return [*_of_data(done), *_of_gate(done), *_of_speed(done), *_of_layers(done), *_afterwards(done)]


def _of_data(done: Conversion) -> Iterator[str]:
    used = done.used
    if used.noise:
        yield (
            "The figures here are of seeded noise, and say little of real inputs: give real data with --calibrate, or "
            "with --evaluate."
        )
        return
    if done.scheme in ("static", "mixed") and 0 < used.calibrated < FEW:
        yield (
            f"The ranges were measured on {used.calibrated} samples. A few hundred that are like the real inputs are "
            "better."
        )
    if used.measured < FEW:
        yield f"The figures are of {used.measured} samples: --evaluate with more makes them sure."
    judged = any(each.accuracy is not None for each in done.fidelity.outputs) or any(done.fidelity.task)
    classes = any(each.top1_agreement is not None for each in done.fidelity.outputs)
    if classes and not judged:
        yield (
            "Source and file were compared with each other alone. --evaluate with labelled data (a folder for each "
            "class) says which of them is right."
        )


def _of_gate(done: Conversion) -> Iterator[str]:
    if not done.fidelity.missed:
        return
    yield (
        "The gate was missed. In this order: check that the card's preprocessing is that of the training; calibrate on "
        "more data that are like the real inputs; let the repair run longer (--repair-seconds); train the network with "
        "rounding (edgemm shrink, or edgemm.converters.aware); write it all the same with --gate warn."
    )
    if done.scheme in ("static", "mixed"):
        yield "--scheme dynamic keeps activations real between the layers: larger losses often vanish."


def _of_speed(done: Conversion) -> Iterator[str]:
    ratio = done.int8_latency_ms / done.float_latency_ms if done.float_latency_ms > 0 else 0.0
    if done.scheme != "float" and ratio > FASTER:
        yield (
            f"On this machine the file takes {ratio:.2f} times as long as float: it is smaller, not faster. --scheme "
            "auto weighs all forms by predicted time, --scheme float writes that one; edgemm bench times both on the "
            "device."
        )
    if done.scheme == "float" and len(done.candidates) > 1:
        yield (
            "Float was taken. --prefer size gives a smaller file; edgemm bench --costs measures what operators take on "
            "the device itself, and --costs plans with that."
        )
    weights = str(done.card.quantization.get("weights", ""))
    if "uint8" in weights and done.target == "cpu":
        yield (
            "Its weights are u8 in all 8 bits, which is right on every processor. Where the device is known, --target "
            "vnni, arm or here gives weights that are as fine and faster there."
        )


def _of_layers(done: Conversion) -> Iterator[str]:
    if done.repaired_layers:
        count = len(done.repaired_layers)
        yield (
            f"{count} layer{'' if count == 1 else 's'} compute{'s' if count == 1 else ''} in float again to hold the "
            "gate. Training with rounding (edgemm shrink) can give them back to int8."
        )


def _afterwards(done: Conversion) -> Iterator[str]:
    if done.fidelity.missed and not done.output.exists():
        return
    name = done.output.name
    yield f"On the device: edgemm verify {name} replays its goldens, edgemm bench {name} times it."
