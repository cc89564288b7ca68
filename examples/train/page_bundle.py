"""The two trained networks as int8 bundles of the driver `ocr`, and what these read on drawn sheets."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from drawn_lines import BESIDE, HEIGHT, STEP, draw_lines
from drawn_pages import COARSER, UNCLIP
from drawn_sheets import UNSEEN, Pixels, draw_known_sheets
from drawn_text import CHARACTERS, FONTS
from network_file import save_network
from reader_networks import CLASSES, LineFinder, LineReader, Probabilities

from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.tasks.ocr.recipe import OcrRecipe

SIDE, WIDTH = 768, 512
"""Pixels of the finder's input, a square, and of the longest line that is read in one piece."""
KNOWN, TEST, TEST_SEED = 24, 12, 10_007
"""Sheets that int8 is calibrated on, and those that are measured on."""
_GREY = ImageRecipe(color="gray", mean=(0.5,), std=(0.5,), pad_value=BESIDE)
# threshold and ends were chosen on sheets of another seed than those that are measured on
RECIPE = OcrRecipe(
    page=_GREY,
    line=ImageRecipe(color="gray", resize="none", mean=(0.5,), std=(0.5,), pad_value=BESIDE),
    threshold=0.85,
    least_px=2.0,
    unclip=UNCLIP,
    ends=0.2,
    line_height=HEIGHT,
    overlap=96,
    decode="logits",
)


def write_bundles(
    finder: LineFinder, reader: LineReader, output: Path, seed: int, training: dict[str, Any]
) -> list[Path]:
    """OUTPUT.tflite.zip and OUTPUT.onnx.zip."""
    from edgemm.artifact.bundle import BundleAsset, BundleCard, BundlePart, write_bundle
    from edgemm.converters import convert

    sheets = draw_known_sheets((seed, TEST_SEED), KNOWN)
    known = {
        "detector": [page_tensor(sheet) for sheet, _ in sheets],
        "recognizer": [
            each[None].numpy() for each in draw_lines(np.random.default_rng(seed), 96, WIDTH).pictures
        ],
    }
    bundles = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_parts(finder, reader, folder)
        for ending in (".tflite", ".onnx"):
            files = {role: folder / f"{role}.int8{ending}" for role in known}
            for role, file in files.items():
                convert(folder / f"{role}.onnx", output=file, calibrate=known[role], scheme="static")
            bundles.append(output.with_name(f"{output.name}{ending}.zip"))
            card = BundleCard(
                driver="ocr", name="page_reader", licence="Apache-2.0", recipe=RECIPE,
                extra={"x-training": training},
                parts={role: BundlePart(file.name) for role, file in files.items()},
                assets={"alphabet": BundleAsset("alphabet.txt")},
            )  # fmt: skip
            content: dict[str, bytes | Path] = {file.name: file for file in files.values()}
            content["alphabet.txt"] = "".join(f"{each}\n" for each in CHARACTERS).encode()
            write_bundle(card, bundles[-1], files=content).close()
    return bundles


def write_parts(finder: LineFinder, reader: LineReader, folder: Path) -> None:
    """detector.onnx and recognizer.onnx, float, for one page and one line of fixed size."""
    parts = (
        ("detector", Probabilities(finder), (1, 1, SIDE, SIDE), (1, 1, SIDE // COARSER, SIDE // COARSER)),
        ("recognizer", reader, (1, 1, HEIGHT, WIDTH), (1, WIDTH // STEP, CLASSES)),
    )
    for role, network, shape, found in parts:
        card = ModelCard(
            name=f"page_reader-{role}", family="CNN", licence="Apache-2.0",
            inputs=(InputCard("picture", shape=shape, layout="NCHW"),), outputs=(OutputCard("found", found),),
        )  # fmt: skip
        save_network(network, torch.zeros(shape), folder / f"{role}.onnx", card)


def page_tensor(sheet: Pixels) -> npt.NDArray[np.float32]:
    """A sheet as the finder sees it: float32[1, 1, SIDE, SIDE] in -1..1."""
    height, width = sheet.shape
    scale = SIDE / max(height, width)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(sheet, (round(width * scale), round(height * scale)), interpolation=how)
    page = np.full((SIDE, SIDE), BESIDE, np.uint8)
    top, left = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    page[top : top + small.shape[0], left : left + small.shape[1]] = small
    return page[None, None].astype(np.float32) / np.float32(127.5) - 1


def measured(path: Path) -> str:
    """How many lines of sheets that nothing was trained on are read exactly, spaces ignored."""
    import edgemm

    said = []
    with edgemm.load(path) as bundle:
        for name, fonts in (("fonts that it knows", FONTS), ("other fonts", UNSEEN)):
            right = count = 0
            for sheet, lines in draw_known_sheets((TEST_SEED, len(fonts)), TEST, fonts):
                result: Any = bundle(np.repeat(sheet[..., None], 3, axis=2))
                right += exact(result.text.splitlines(), lines)
                count += len(lines)
            said.append(f"{right} of {count} lines in {name}")
    return ", ".join(said)


def exact(found: Sequence[str], lines: Sequence[str]) -> int:
    """How many of the lines are among those found, without their spaces."""
    plain = [Counter("".join(each.split()) for each in some) for some in (found, lines)]
    return sum((plain[0] & plain[1]).values())
