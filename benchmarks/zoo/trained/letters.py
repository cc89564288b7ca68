"""Text in pictures: where it is, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks import repair
from benchmarks.zoo.trained import measures
from benchmarks.zoo.trained.network import Array, Data, Network, Run
from benchmarks.zoo.trained.pictures import COCO, SHARP, photographs, planar, read
from tests.by_hand.segmenters import mask_iou

DETECTOR, READER = "models/ocr/ppocr3_det.onnx", "models/ocr/ppocr3_rec.onnx"
PAGES = (f"{SHARP}/page.png", f"{SHARP}/text.png")
SENTENCES = "data/sst2"
TILE, STEP, SIDE = 160, 56, 320
TEXT = 0.3
"""Probability above which a pixel is text."""
LETTERS, LINES = 15, 32
FONTS = (
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SIMPLEX,
)


def _found(root: Path) -> Data:
    """Photographs and one page calibrate; the other page is held out."""
    mean, spread = (np.array(each, np.float32).reshape(1, 3, 1, 1) for each in (repair.MEAN, repair.STD))

    def prepared(picture: Array) -> dict[str, Array]:
        return {"x": ((planar(picture, SIDE, SIDE) / 255 - mean) / spread).astype(np.float32)}

    page, text = ([prepared(each) for each in _tiles(read(root / path))] for path in PAGES)
    seen = [prepared(read(each)) for each in photographs(root)[:20]]

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        return float(
            np.mean([mask_iou(runs[0](each)[0] > TEXT, sources[0](each)[0] > TEXT) for each in text])
        )

    return Data((seen + page,), (text,), judge)


def _tiles(page: Array) -> list[Array]:
    high, wide = page.shape[:2]
    places = [(y, x) for y in {0, high - TILE} for x in range(0, wide - TILE + 1, STEP)]
    return [page[y : y + TILE, x : x + TILE] for y, x in sorted(places)]


def _read(root: Path) -> Data:
    """Lines of sentences drawn in four fonts, and strips of pages; other sentences are held out."""
    from onnx import load

    alphabet = next(each.value for each in load(str(root / READER)).metadata_props if each.key == "character")
    letters = ["", *alphabet.split("\n"), " "]
    strips = [{"x": each} for each in repair.samples(root, repair.CASES[2])][::2]
    known = [_drawn(each, at) for at, each in enumerate(_lines(root / SENTENCES / "train.tsv", 2 * LINES))]
    drawn, gate = known[:LINES], known[LINES:]
    true = _lines(root / SENTENCES / "dev.tsv", LINES)
    held = [_drawn(each, at) for at, each in enumerate(true)]

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        said = [_spoken(runs[0](each)[0][0], letters) for each in held]
        return measures.letters_right(said, true)

    return Data((drawn + strips,), (held,), judge, lambda path: gate)


def _lines(path: Path, count: int) -> list[str]:
    """The first words of sentences that have no marks in their beginning, as long as a line."""
    found = []
    for sentence in path.read_text(encoding="utf-8").splitlines():
        words, line = sentence.split("\t")[0].split(), ""
        for word in words:
            if not word.isalpha() or len(line) + len(word) > LETTERS:
                break
            line = f"{line} {word}".strip()
        if len(line) > LETTERS // 2:
            found.append(line)
    return found[:count]


def _drawn(line: str, at: int) -> dict[str, Array]:
    """Black on white, filling 48 rows, with what is left of 320 columns white."""
    font = FONTS[at % len(FONTS)]
    (wide, high), below = cv2.getTextSize(line, font, 1.5, 2)
    picture = np.full((high + below + 16, wide + 24, 3), 255, np.uint8)
    cv2.putText(picture, line, (12, high + 8), font, 1.5, (0, 0, 0), 2, cv2.LINE_AA)
    columns = min(320, round(picture.shape[1] * 48 / picture.shape[0]))
    white = np.full((48, 320, 3), 255, np.uint8)
    white[:, :columns] = cv2.resize(picture, (columns, 48), interpolation=cv2.INTER_AREA)
    return {"x": planar(white, 320, 48) / np.float32(127.5) - np.float32(1)}


def _spoken(scores: Array, letters: Sequence[str]) -> str:
    """Best class of each step; repeats and blanks fall (Graves et al., 2006)."""
    best = scores.argmax(axis=1)
    kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
    return "".join(letters[each] if each < len(letters) else "?" for each in kept if each).strip()


READING = (
    Network(
        "ppocr_det", (DETECTOR,), (COCO, *PAGES), "IoU of the pixels that are text with the source's, a page", _found,
        against_source=True, shapes={"x": (1, 3, SIDE, SIDE)},
    ),
    Network(
        "ppocr_rec", (READER,), (SENTENCES, *PAGES), "letters right, 32 drawn lines", _read,
        shapes={"x": (1, 3, 48, 320)}, weighed=True,
        remark="The gate counts steps, where no text is known: a letter that comes a step later is wrong there.",
    ),
)  # fmt: skip
