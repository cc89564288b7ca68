"""Names that nothing else has."""

from __future__ import annotations

from collections.abc import Container


def unused_name(name: str, taken: Container[str | None]) -> str:
    """`name`, or with a number behind it where that is taken."""
    chosen, number = name, 1
    while chosen in taken:
        chosen, number = f"{name}_{number}", number + 1
    return chosen
