"""PP-OCR's networks over generated pages: lines read exactly, a page rotated and unevenly lit, int8, and time.

`python -m benchmarks ocr [--bundle int8.zip ...] [--seed N] [--write FOLDER]`. Two sets of 40 lines: "drawn" has
captions and numbers drawn by a seed (`ocr_sentences.py`), "chosen" those of ocr_lines.txt, which were written for this,
without characters that the alphabet lacks, and on which the rule `ends` was set. Where the package
rapidocr-onnxruntime is there, the same networks are run by it too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import edgemm
from benchmarks.ocr_pages import Pixels, found_fonts, page, photographed
from benchmarks.ocr_sentences import SEED, drawn
from benchmarks.shared import find

NEEDED = "models/ocr"
CAPTIONS = "data/multi30k/test_2016_flickr.en.gz"
LINES = Path(__file__).with_name("ocr_lines.txt")
ON_A_PAGE = 10
LEAST_EXACT = 38
"""Of 40 lines."""
PEER = "rapidocr"
DEGREES, DARKEST = 8.0, 0.35
Reads = Callable[[Pixels], Sequence[str]]


def run(arguments: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One row for each reader and set of lines."""
    parser = argparse.ArgumentParser(prog="ocr")
    parser.add_argument("--bundle", action="append", default=[], help="a converted bundle, measured too")
    parser.add_argument("--write", help="a folder for pages to calibrate with, and their texts")
    parser.add_argument("--set", choices=("drawn", "chosen"), help="one set of lines alone")
    parser.add_argument("--seed", type=int, default=SEED, help="of the drawn lines")
    parser.add_argument("--delegate", default="cpu")
    chosen = parser.parse_args(arguments)
    fonts = found_fonts()
    if len(fonts) < 3:
        print(json.dumps({"skipped": "fewer than three fonts: see benchmarks/ocr_pages.py"}))
        return []
    if chosen.write:
        return [write_pages(Path(chosen.write), fonts)]
    shared = find(NEEDED, CAPTIONS)
    if shared is None:
        return []
    sets = {"drawn": drawn(shared / CAPTIONS, chosen.seed), "chosen": LINES.read_text("utf-8").splitlines()}
    readers: dict[str, Reads] = {}
    for path in (shared / NEEDED, *map(Path, chosen.bundle)):
        bundle: Any = edgemm.load(path, delegate=chosen.delegate)
        readers[path.name] = lambda pixels, bundle=bundle: bundle(pixels).text.splitlines()  # type: ignore[misc]
    if (peer := rapidocr()) is not None:
        readers[PEER] = peer
    return [
        row
        for name, lines in sets.items()
        if chosen.set in (None, name)
        for row in over(name, lines, fonts, readers)
    ]


def over(
    name: str, lines: Sequence[str], fonts: Sequence[Path], readers: dict[str, Reads]
) -> list[dict[str, Any]]:
    """One row for each reader, of the pages of one set."""
    pages = [
        (part, page(part, fonts, seed))
        for seed, part in enumerate(lines[at : at + ON_A_PAGE] for at in range(0, len(lines), ON_A_PAGE))
    ]
    first: list[str] | None = None
    rows = []
    for reader, reads in readers.items():
        row, found = measured(reader, reads, pages)
        first = found if first is None else first
        rows.append({"set": name, **row, "as the first": exact(found, first)})
    return rows


def measured(name: str, reads: Reads, pages: Sequence[Any]) -> tuple[dict[str, Any], list[str]]:
    """Lines read exactly, spaces ignored; upright and rotated; and the time of a page."""
    found: list[str] = []
    rotated: list[str] = []
    seconds = []
    for seed, (_, pixels) in enumerate(pages):
        for _ in range(2):
            begin = time.perf_counter()
            answer = list(reads(pixels))
            seconds.append(time.perf_counter() - begin)
        found += answer
        rotated += reads(photographed(pixels, DEGREES * (-1) ** seed, DARKEST, seed))
    lines = [line for part, _ in pages for line in part]
    row: dict[str, Any] = {
        "name": name,
        "lines": len(lines),
        "exact": exact(found, lines),
        "exact, rotated and unevenly lit": exact(rotated, lines),
        "ms of a page of 10 lines": round(1000 * statistics.median(seconds)),
        "wrong": sorted((Counter(map(plain, lines)) - Counter(map(plain, found))).elements())[:5],
    }
    return row | {"ok": name == PEER or row["exact"] >= LEAST_EXACT}, found


def exact(found: Sequence[str], right: Sequence[str]) -> int:
    """How many of the lines are among those found."""
    return sum((Counter(map(plain, found)) & Counter(map(plain, right))).values())


def plain(line: str) -> str:
    """Without spaces."""
    return "".join(line.split())


def rapidocr() -> Reads | None:
    """The package rapidocr-onnxruntime with its defaults; None where it is not installed."""
    try:
        engine: Any = import_module("rapidocr_onnxruntime").RapidOCR()
    except ImportError:
        return None

    def reads(pixels: Pixels) -> Sequence[str]:
        found, _ = engine(np.ascontiguousarray(pixels[..., ::-1]))
        return [line for _, line, _ in found or ()]

    return reads


def write_pages(folder: Path, fonts: Sequence[Path]) -> dict[str, Any]:
    """Pages of other texts, to calibrate and to judge a conversion with: NAME.png and NAME.txt."""
    text = (Path(__file__).resolve().parents[1] / "LICENSE").read_text(encoding="utf-8")
    words = text.split()
    random = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for number in range(24):
        lines = []
        for _ in range(ON_A_PAGE):
            begin = int(random.integers(0, len(words) - 8))
            lines.append(" ".join(words[begin : begin + int(random.integers(2, 8))]))
        pixels = page(lines, fonts, number)
        if number % 2:
            pixels = photographed(pixels, float(random.uniform(-10, 10)), 0.5, number)
        cv2.imwrite(str(folder / f"page{number:02}.png"), pixels[..., ::-1])
        (folder / f"page{number:02}.txt").write_text("\n".join(lines), encoding="utf-8")
        count += len(lines)
    return {"name": str(folder), "lines": count, "ok": True}


if __name__ == "__main__":
    for each in run():
        print(json.dumps(each))
