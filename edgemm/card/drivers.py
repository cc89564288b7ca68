"""The table of drivers: what a bundle's `driver` may say, and where its code is. Nothing is imported until it is used.

A driver of another package is found by its entry point, group "edgemm.drivers": its name is the driver's name, its
object a class like those named here (`edgemm.tasks.driver.Driver`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from edgemm.card.named import find_named

DRIVERS: Mapping[str, str] = {
    "attention": "edgemm.tasks.attention.driver:AttentionDriver",
    "sequence": "edgemm.tasks.sequence:SequenceDriver",
    "ctc": "edgemm.tasks.ctc.driver:CtcDriver",
    "transducer": "edgemm.tasks.transducer.driver:TransducerDriver",
    "voice": "edgemm.tasks.voice.driver:VoiceDriver",
    "ocr": "edgemm.tasks.ocr.driver:OcrDriver",
    "denoising": "edgemm.tasks.denoising.driver:DenoisingDriver",
}
"""Driver of a bundle -> module and class."""
GROUP = "edgemm.drivers"


def driver_names() -> tuple[str, ...]:
    """Every name that a bundle's `driver` may have: ours, and those of installed packages."""
    return (*DRIVERS, *(name for name in _foreign() if name not in DRIVERS))


def find_driver(name: str) -> Any | None:
    """The `Driver` of this name; None where this version has none.

    Raises:
        MissingDependency: the package that has it cannot be imported.
    """
    return find_named("driver", name, DRIVERS, _foreign)


@cache
def _foreign() -> Mapping[str, Any]:
    from importlib.metadata import entry_points  # 10 ms, which a card of a task of ours need not wait for

    return {each.name: each for each in entry_points(group=GROUP)}
