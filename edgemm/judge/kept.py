"""What of a judgement is kept in a card."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemm.version import __version__


def for_card(content: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one model, and on what they were measured.

    Args:
        content: of `judge`.
        told: one of its `models`.
    """
    accuracy, general, maps = told["accuracy"], told["generalization"], told["interpretability"]
    kept = {
        "metric": content["metric"]["name"],
        "value": accuracy["value"],
        "interval": accuracy["interval"],
        "samples": accuracy["samples"],
        "data": Path(content["data"]).name,
        "corrupted": general["mean"],
        "other": None if general["other"] is None else general["other"]["value"],
        "deletion_margin": None if maps["score"] is None else maps["score"]["deletion_margin"],
        "latency_ms": told["compute"].get("p50_ms"),
        "peak_mb": told["storage"].get("peak_mb"),
        "macs": told["compute"]["macs"],
        "machine": f"{platform.machine()}, {platform.system()}",
        "edgemm": __version__,
    }
    return {key: value for key, value in kept.items() if value is not None}
