"""The page about a conversion shows where accuracy went and what was mended."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.collapse import converted, head
from edgemm import data
from edgemm.cli import main
from edgemm.cli.convert_page import losses, write_page
from edgemm.cli.output import fidelity_rows, of_source
from edgemm.converters.diagnose import Diagnosis, LayerLoss
from edgemm.converters.fidelity import Fidelity, OutputFidelity
from edgemm.converters.shared_scales import SharedScale

SOURCE = data.path("models/digits.onnx")
PICTURES = data.path("digits")


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_command_draws_every_layer(tmp_path: Path, suffix: str) -> None:
    page = tmp_path / "page.html"
    command = ["convert", str(SOURCE), "-o", str(tmp_path / f"d.{suffix}"), "--calibrate", str(PICTURES)]
    assert main([*command, "--report", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    drawing = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + len("</svg>")])
    tips = [each.text or "" for each in drawing.iter("title")][1:]
    assert len(tips) >= 3
    assert all("of the noise" in tip for tip in tips)
    assert "What was decided" in text


def test_repairs_are_told_with_their_reason(tmp_path: Path) -> None:
    done = converted(head(), tmp_path / "head.onnx", "auto")
    write_page(tmp_path / "page.html", done)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "scales split (Conv_head)" in text
    assert "scores" in text[text.index("What was repaired") :]


def test_shared_scales_are_told_and_long_lists_cut() -> None:
    layers = tuple(LayerLoss(f"conv{index}", "Conv", 30.0, 1 / 40, 10) for index in range(40))
    shown = losses(Diagnosis(layers, (SharedScale("conv39", "y", 300.0, "channel 4"),)))
    assert "and 16 more layers" in shown
    assert "channel 4 reaches 1/300" in shown


def test_a_folder_that_is_not_there_is_said_before_any_work(tmp_path: Path) -> None:
    out = tmp_path / "d.tflite"
    command = ["convert", str(SOURCE), "-o", str(out), "--report", str(tmp_path / "no" / "page.html")]
    assert main(command) == 2
    assert not out.exists()


@pytest.mark.parametrize(
    ("made", "told"), [(26, "0.26 of the source"), (100, "1.00 of the source"), (700, "7.0 times the source")]
)
def test_the_size_against_the_source(made: int, told: str) -> None:
    done: Any = SimpleNamespace(size_bytes=made, source_size_bytes=100)
    assert of_source(done) == told


@pytest.mark.parametrize(("snr_db", "told"), [(200.0, "exact"), (199.0, "199.0"), (-200.0, "-200.0")])
def test_no_difference_is_exact(snr_db: float, told: str) -> None:
    assert fidelity_rows(Fidelity(1, (OutputFidelity("y", snr_db, 0.0, 1.0),)))[0][1] == told


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((0.9, None, None), "90.0%"),
        ((0.75, 0.0, 2), "75.0% (0.0% of 2)"),
        ((0.75, 0.9, 20), "75.0%"),
        ((None, None, None), "-"),
    ],
)
def test_the_same_class_is_that_of_all_samples(shares: Any, told: str) -> None:
    all_, besides, rows = shares
    one = OutputFidelity("y", 30.0, 0.0, 1.0, all_, besides_agreement=besides, besides_rows=rows)
    assert fidelity_rows(Fidelity(1, (one,)))[0][3] == told
