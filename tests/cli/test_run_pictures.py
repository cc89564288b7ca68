"""`edgemm run` with models that make pictures: lines, folders, films."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from needs import needs
from picture_networks import picture_card, scene, write_network

from edgemm.cli import main
from edgemm.opencv import opencv

cv2: Any = needs(opencv)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Of the command: a network of brightness that makes pictures twice as large, and three photographs of one size."""
    write_network(tmp_path / "twice.onnx", "twice", channels=1)
    (tmp_path / "card.json").write_text(picture_card("luma", tiles=True, margin=2).to_json())
    (tmp_path / "photos").mkdir()
    for at in range(3):
        cv2.imwrite(str(tmp_path / "photos" / f"{at}.png"), scene(40, 51, at))
    files = (tmp_path / name for name in ("twice.onnx", "card.json", "photos"))
    model, card, photos = map(str, files)
    return ["run", model, "--card", card, "--source", photos]


def test_pictures_are_saved_in_their_own_size(words: list[str], tmp_path: Path) -> None:
    assert main([*words, "--save", str(tmp_path / "larger"), "--save", str(tmp_path / "larger.avi")]) == 0
    made = [cv2.imread(str(each)) for each in sorted((tmp_path / "larger").iterdir())]
    assert [each.shape for each in made] == [(80, 102, 3)] * 3
    for at, each in enumerate(made):
        expected = scene(40, 51, at).repeat(2, 0).repeat(2, 1)
        assert abs(each.astype(int) - expected).mean() < 14  # colours are smoothed
    assert {each.suffix for each in (tmp_path / "larger").iterdir()} == {
        ".png"
    }  # nothing that was made is lost
    film = cv2.VideoCapture(str(tmp_path / "larger.avi"))
    assert [film.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)] == [102, 80]
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_a_line_says_the_size(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--limit", "1"]) == 0
    assert "picture of 102 x 80 pixels" in capsys.readouterr().out
    assert main([*words, "--limit", "1", "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["result"] == {"width": 102, "height": 80, "channels": 3}
    assert first["stages_ms"]["infer"] > 0


def test_a_margin_that_leaves_nothing_is_a_sentence(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--set", "margin=8"]) == 2
    assert "tiles of 16x16 pixels are too small for a margin of 8" in capsys.readouterr().err


def test_pictures_read_ahead_are_the_same(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for options in ([], ["--ahead"]):
        assert main([*words, "--json", *options]) == 0
        *results, last = map(json.loads, capsys.readouterr().out.splitlines())
        assert (last["summary"]["captured"], last["summary"]["delivered"]) == (3, 3)
        lines.append([(each["sequence"], each["result"]) for each in results])
    assert lines[0] == lines[1]


def test_live_pictures_are_not_read_ahead(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--live", "--ahead"]) == 2
    assert "live pictures, which are read in a thread as they come" in capsys.readouterr().err
