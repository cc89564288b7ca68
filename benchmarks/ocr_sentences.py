"""Lines of text that nobody chose: captions of multi30k (Elliott et al. 2016) and numbers, drawn by a seed."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

SEED = 20261129
"""Was fixed before a line was read."""
CAPTIONS, NUMBERS = 28, 12
LONGEST = 48
"""Characters: captions end after the last whole word within it."""


def drawn(file: Path, seed: int) -> list[str]:
    """CAPTIONS lines of captions and NUMBERS of numbers, mixed; all in the alphabet of PP-OCR's networks.

    Args:
        file: a caption on each line, gzip.
        seed: draws captions, numbers and their order.
    """
    random = np.random.default_rng(seed)
    with gzip.open(file, "rt", encoding="utf-8") as text:
        captions = [line.strip() for line in text if line.strip()]
    chosen = random.choice(len(captions), CAPTIONS, replace=False)
    lines = [_cut(captions[at]) for at in chosen] + [_numbers(random) for _ in range(NUMBERS)]
    return [lines[at] for at in random.permutation(len(lines))]


def _cut(caption: str) -> str:
    if len(caption) <= LONGEST:
        return caption
    return caption[: LONGEST + 1].rsplit(" ", 1)[0]


def _numbers(random: np.random.Generator) -> str:
    """A line that is mostly numbers."""
    many, few = int(random.integers(1000, 10_000_000)), int(random.integers(1, 60))
    day, month, year = (int(random.integers(*span)) for span in ((1, 29), (1, 13), (1950, 2031)))
    forms = (
        f"Total {many:,}.{few:02}", f"{day:02}.{month:02}.{year}", f"{year}-{month:02}-{day:02}, {month}:{few:02}",
        f"Order No. {many}", f"+{month} {many // 1000} {many % 1000:03}", f"{few}% of {many:,}",
        f"${many / 100:,.2f} each, {few} pieces", f"{few} x {month}.{day} = {few * day}",
    )  # fmt: skip
    return forms[int(random.integers(len(forms)))]
