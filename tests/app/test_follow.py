"""A word in an app file, or on the command line, stands for how faces, bodies or hands are cropped and followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgemm.app.recipe import read_app
from edgemm.chain.mediapipe import faces, hands
from edgemm.cli import main
from edgemm.errors import InputError

ASSETS = Path(__file__).parents[1] / "assets"


def stage(tmp_path: Path, **values: Any) -> Any:
    stream = {"model": "a.tflite", "source": "camera:0", "then": [{"model": "b.tflite", **values}]}
    path = tmp_path / "app.json"
    path.write_text(json.dumps({"schema": "edgemm.app/1", "streams": {"seen": stream}}))
    return read_app(path).streams["seen"].then[0]


def test_a_word_stands_for_crop_and_track(tmp_path: Path) -> None:
    made = stage(tmp_path, follow="hands?at_most=1")
    assert (made.crop, made.track) == hands(1)
    assert made.follow == "hands?at_most=1"


def test_without_a_word_there_is_none(tmp_path: Path) -> None:
    made = stage(tmp_path, crop={"margin": 2.0})
    assert (made.follow, made.track, made.crop.margin) == ("", None, 2.0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"follow": "feet"}, r"streams\.seen\.then\[0\]\.follow: expected one of faces, bodies, hands"),
        ({"follow": "faces", "crop": {}}, "expected no 'crop' beside it"),
        ({"follow": "faces", "track": {"next": {}}}, "expected no 'track' beside it"),
        ({"follow": 3}, "follow: expected a text"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stage(tmp_path, **values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--follow", "faces"], "--follow: expected --then MODEL beside it"),
        (["--then", "MODEL", "--follow", "faces", "--crop", "box"], "--follow: expected no --crop beside it"),
        (
            ["--then", "MODEL", "--follow", "faces", "--track", "box"],
            "--follow: expected no --track beside it",
        ),
        (
            ["--then", "MODEL", "--follow", "face"],
            "--follow: expected one of faces, bodies, hands; found 'face'",
        ),
    ],
)
def test_the_command_line_refuses_it_too(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    model = str(ASSETS / "quadrant.tflite")
    given = [model if each == "MODEL" else each for each in options]
    assert main(["run", model, "--source", str(tmp_path), *given]) == 2
    assert said in capsys.readouterr().err


def test_the_command_line_crops_by_it() -> None:
    from argparse import Namespace

    from edgemm.cli.run_model import _crop_and_track

    assert _crop_and_track(Namespace(follow="faces", crop=None, track=None)) == faces()


def test_an_app_file_says_it_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage(tmp_path)
    assert main(["run", str(tmp_path / "app.json"), "--follow", "faces"]) == 2
    assert "an app file says itself what --follow would" in capsys.readouterr().err
