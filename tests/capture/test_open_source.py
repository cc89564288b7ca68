"""From a name to a source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgemm
from edgemm.capture import Source, open_source
from edgemm.capture.open import natural_order
from edgemm.errors import InputError, SourceNotFound

pytestmark = pytest.mark.device


@pytest.mark.parametrize("pace", ["file", "live"])
@pytest.mark.parametrize("kind", ["pictures", "video", "recording"])
def test_every_kind_is_a_source(request: pytest.FixtureRequest, kind: str, pace: str) -> None:
    argument = {"pictures": 2, "video": 2, "recording": np.arange(9)}[kind]
    path = request.getfixturevalue(kind)(argument)
    with open_source(path, pace=pace) as source:  # type: ignore[arg-type]
        assert isinstance(source, Source)
        assert source.uri == str(path)
        assert source.live == (pace == "live")
        assert source.modality == ("audio" if kind == "recording" else "image")


def test_a_pattern_is_a_folder(pictures: Callable[..., Path]) -> None:
    with open_source(f"{pictures(12)}/1*.png") as source:
        found = [source.read() for _ in range(4)]
    assert [Path(frame.origin).stem for frame in found if frame] == ["1", "10", "11"]


@pytest.mark.parametrize("name", ["a[1].png", "what?.png"])
def test_a_file_named_like_a_pattern_is_that_file(pictures: Callable[..., Path], name: str) -> None:
    folder = pictures(1)
    (folder / "0.png").rename(folder / name)
    with open_source(folder / name) as source:
        assert source.read() is not None


def test_a_missing_file_names_what_is_near(recording: Callable[..., Path]) -> None:
    path = recording(np.arange(9))
    with pytest.raises(SourceNotFound, match=r"word\.wav.*near to it: words\.wav"):
        open_source(path.with_name("word.wav"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "no picture, video or WAV file among its 1 files"),
        ("*.png", "nothing matches the pattern"),
        ("nowhere/a.png", "the folder .* does not exist"),
    ],
)
def test_nothing_found_says_where_it_looked(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SourceNotFound, match=message):
        open_source(tmp_path / name)


def test_a_link_that_leads_nowhere_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(SourceNotFound, match="leads nowhere"):
        open_source(tmp_path / "a.png")


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "song.flac").touch()
    with pytest.raises(InputError, match=r"'\.flac' are not known.*WAV"):
        open_source(tmp_path / "song.flac")


def test_a_folder_of_two_kinds_is_refused(
    pictures: Callable[..., Path], recording: Callable[..., Path]
) -> None:
    pictures(1)
    folder = recording(np.arange(9)).parent
    with pytest.raises(InputError, match="pictures and recordings: name one kind"):
        open_source(folder)


@pytest.mark.parametrize(("name", "option"), [("a.wav", "fps=3"), ("a.png", "block_ms=3")])
def test_an_option_of_another_kind_is_refused(tmp_path: Path, name: str, option: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="does not have the option"):
        open_source(f"{tmp_path / name}?{option}")


def test_an_unknown_pace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pace"):
        open_source(tmp_path, pace="fast")  # type: ignore[arg-type]


def test_natural_order() -> None:
    names = ["b10", "b2", "a", "b2.5", "B1"]
    assert sorted(names, key=natural_order) == ["a", "B1", "b2", "b2.5", "b10"]


def test_the_package_opens_sources() -> None:
    assert edgemm.open_source is open_source
