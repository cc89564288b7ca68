"""What is in a bundle: its card, and each of its parts as `inspect` shows a model."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from edgemm.artifact.bundle import Bundle
from edgemm.inspection import Inspection, inspect_artifact


def inspect_parts(bundle: Bundle) -> dict[str, Inspection]:
    """Role -> the structure of the part; nothing of it is run.

    Raises:
        DamagedArtifact: a file is missing, changed, or does not hold together.
    """
    found = {}
    for role, entry in bundle.card.parts.items():
        artifact = bundle.read_part(role)
        found[role] = inspect_artifact(artifact if entry.card is None else replace(artifact, card=entry.card))
    return found


def bundle_to_json(bundle: Bundle, parts: dict[str, Inspection]) -> dict[str, Any]:
    """The keys that scripts rely on: those of a model, operators of all parts together, and the parts."""
    counted: Counter[tuple[str, str]] = Counter()
    for each in parts.values():
        for operators in each.operators:
            counted[operators.name, operators.precision] += operators.count
    rows = [
        {"name": name, "count": count, "precision": kind} for (name, kind), count in sorted(counted.items())
    ]
    return {
        "file": str(bundle.path),
        "format": "bundle",
        "size_bytes": bundle.size_bytes,
        "card": bundle.card.to_dict(),
        "origin": bundle.origin or None,
        "operators": rows,
        "float_operators": [
            {"name": each["name"], "count": each["count"]} for each in rows if each["precision"] == "float"
        ],
        "goldens": len(bundle.card.goldens),
        "parts": {role: each.to_json() for role, each in parts.items()},
    }
