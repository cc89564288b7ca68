"""What `--save` and `--show` open."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm.errors import InputError
from edgemm.opencv import opencv
from edgemm.sinks import DirectorySink, SoundFolder, VideoSink, WavSink, open_sinks, saver

pytestmark = pytest.mark.device
cv2 = needs(opencv)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("out.mp4", VideoSink),
        ("OUT.MP4", VideoSink),
        ("out.avi", VideoSink),
        ("pictures", DirectorySink),
        ("pictures.d/", DirectorySink),
        ("there.mp4", DirectorySink),
        ("answer.wav", WavSink),
    ],
)
def test_the_path_decides(tmp_path: Path, name: str, kind: type) -> None:
    (tmp_path / "there.mp4").mkdir()
    with saver(os.path.join(tmp_path, name)) as sink:
        assert type(sink) is kind


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.jpg", "found the suffix '.jpg'. For a picture of each result name a folder"),
        ("a.mov", "For a film say .mp4"),
        ("a.csv", "For lines of JSON say --record FILE"),
        ("a.mp3", "For sound say .wav"),
        ("a.mp5", "Did you mean '.mp4'?"),
        (
            "a.xyz",
            r"a film \(.mp4, .webm, .avi, .mkv\), sound \(.wav\), a folder or speaker:, found the suffix '.xyz'$",
        ),
        ("", "found nothing"),
    ],
)
def test_other_suffixes_are_refused_with_what_to_do(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        saver(name)


def test_several_are_opened_and_closed(tmp_path: Path) -> None:
    with open_sinks([str(tmp_path / "a.mp4"), str(tmp_path / "b")]) as sinks:
        assert [type(each) for each in sinks.sinks] == [VideoSink, DirectorySink]
    assert os.listdir(tmp_path) == ["b"]


def test_one_place_may_be_named_by_itself(tmp_path: Path) -> None:
    with open_sinks(str(tmp_path / "b")) as sinks:
        assert [type(each) for each in sinks.sinks] == [DirectorySink]


def test_when_one_cannot_be_opened_those_before_it_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(DirectorySink, "close", lambda sink: closed.append(sink))
    with pytest.raises(InputError, match=r"suffix '.txt'"):
        open_sinks([str(tmp_path / "b"), str(tmp_path / "a.txt")])
    assert [type(each) for each in closed] == [DirectorySink]


def test_a_folder_for_what_comes_of_sound_or_text_is_one_of_sounds(tmp_path: Path) -> None:
    for modality in ("audio", "text"):
        source: Any = SimpleNamespace(uri="x:", modality=modality, live=True)
        with open_sinks(str(tmp_path / modality), source=source) as sinks:
            assert [type(each) for each in sinks.sinks] == [SoundFolder]


@pytest.mark.parametrize("asked", [{"save": ["x.mp4"]}, {"show": True}])
def test_sound_is_refused(asked: dict[str, Any]) -> None:
    sound: Any = SimpleNamespace(uri="microphone:", modality="audio", live=True)
    with pytest.raises(InputError, match="found sound"):
        open_sinks(**asked, source=sound)


def test_a_place_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    for first, second in (("a", "a/"), ("a.mp4", "./a.mp4")):
        with pytest.raises(InputError, match="expected each place once"):
            open_sinks([str(tmp_path / first), f"{tmp_path}/{second}"])
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_not_saved_over(tmp_path: Path) -> None:
    film = tmp_path / "in.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    before = film.read_bytes()
    with edgemm.open_source(str(film)) as source, pytest.raises(InputError, match="than the source"):
        open_sinks(str(film), source=source)
    assert film.read_bytes() == before
