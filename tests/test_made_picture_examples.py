"""The examples that make pictures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs
from picture_networks import scene

from edgemm import data
from edgemm.litert_runtime import find_litert
from edgemm.onnx_runtime import onnx_runtime
from edgemm.opencv import opencv

cv2: Any = needs(opencv)
needs(find_litert)
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def lines(example: str, *options: str) -> list[str]:
    command = [sys.executable, str(EXAMPLES / example), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """One in colours, one grey, one with an alpha channel, of odd sizes."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), scene(31, 20))
    cv2.imwrite(str(folder / "2.png"), scene(9, 12, channels=1))
    cv2.imwrite(str(folder / "3.png"), cv2.cvtColor(scene(5, 5), cv2.COLOR_BGR2BGRA))
    return folder


def test_pictures_become_twice_as_large(pictures: Path, tmp_path: Path) -> None:
    found = lines("enlarge_pictures.py", str(pictures), "--save", str(tmp_path / "larger"))
    assert [line.split(": ")[1] for line in found] == [
        "20 x 31 -> 40 x 62",
        "12 x 9 -> 24 x 18",
        "5 x 5 -> 10 x 10",
    ]
    shapes = [cv2.imread(str(each)).shape for each in sorted((tmp_path / "larger").iterdir())]
    assert shapes == [(62, 40, 3), (18, 24, 3), (10, 10, 3)]


def test_what_is_gained_is_said(tmp_path: Path) -> None:
    sharp = np.full((80, 90, 3), 200, np.uint8)
    for at in range(6):
        cv2.circle(sharp, (15 * at + 8, 30), 6 + 2 * at, (30 * at, 20, 200 - 30 * at), 2, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "a.png"), sharp)
    (line,) = lines("enlarge_pictures.py", str(tmp_path / "a.png"), "--compare")
    ours, bicubic = (float(each) for each in re.findall(r"([\d.]+) dB", line))
    assert ours > bicubic > 20


def test_digits_of_a_year(tmp_path: Path) -> None:
    needs(onnx_runtime)
    found = lines("make_digits.py", "2", "0", "2", "6", "--save", str(tmp_path / "year.png"))
    assert [line[0] for line in found] == list("2026")
    assert sum(line[0] == re.findall(r"read as (\d)", line)[0] for line in found) >= 3
    assert cv2.imread(str(tmp_path / "year.png")).shape == (28, 112, 3)


def test_the_bundled_page_is_read(tmp_path: Path) -> None:
    found = lines("read_page.py", "--save", str(tmp_path))
    page = data.path("pages/receipt.txt").read_text(encoding="utf-8").splitlines()
    assert found[0].startswith("--- picture 0")
    assert len({*found} & {*page}) >= 9
    assert (tmp_path / "000000.png").exists()
