"""Films, read back."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from needs import needs

from edgemm.errors import EdgemmError, InputError, MachineShortage
from edgemm.opencv import opencv
from edgemm.results import Detections, Picture
from edgemm.sinks import VideoSink
from edgemm.sinks.film import CODECS, Codec, Film
from edgemm.stream.item import Item

pytestmark = pytest.mark.device
cv2 = needs(opencv)
MakeItem = Callable[..., Item]
ReadFilm = Callable[[Path], list[npt.NDArray[np.uint8]]]
LONG_S = 60.0


def has_encoder(suffix: str) -> bool:
    """Debian's OpenCV may lack one."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            Film(Path(folder) / f"a{suffix}", 30, (16, 16)).drop()
        except EdgemmError:
            return False
        return True


SUFFIXES = [
    pytest.param(
        suffix, marks=[] if has_encoder(suffix) else pytest.mark.skip(f"OpenCV here writes no {suffix}")
    )
    for suffix in CODECS
]


def feed(sink: VideoSink, items: list[Item]) -> None:
    """One after the other, so that none is refused."""
    for item in items:
        assert sink.put("", item)
        sink.drain(LONG_S)


def shade(number: int) -> int:
    """As in conftest.py."""
    return 10 + number * 37 % 236


def shades(pictures: list[npt.NDArray[np.uint8]], numbers: int) -> list[int]:
    """The number of the picture that each place of a film shows, by its shade."""
    known = np.array([shade(number) for number in range(numbers)])
    return [int(np.abs(known - float(picture.mean())).argmin()) for picture in pictures]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_film_shows_each_picture_at_its_time(
    tmp_path: Path, suffix: str, item: MakeItem, film: ReadFilm
) -> None:
    times_ms = [1000, 1100, 1190, 1405, 1500, 1510, 1520, 1700]
    path = tmp_path / f"out{suffix}"
    with VideoSink(path, fps=10) as sink:
        feed(sink, [item(number, at_ms) for number, at_ms in enumerate(times_ms)])
    pictures = film(path)
    places = shades(pictures, len(times_ms))
    assert len(pictures) == sink.summary()["frames"] == 8  # 0.7 s at 10 a second, and the first
    for place, number in enumerate(places):
        newest = max(at for at in times_ms if at <= 1000 + place * 100 + 100)
        assert times_ms[number] <= newest
    for number in set(places):
        assert abs(times_ms[number] - 1000 - places.index(number) * 100) < 100
    summary = sink.summary()
    assert summary["repeated"] == len(places) - len(set(places)) == 1
    assert summary["skipped"] == len(times_ms) - len(set(places)) == 1
    assert summary["taken"] == summary["written"] + summary["skipped"] == 8
    assert summary["bytes"] == path.stat().st_size
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fps", [12.5, 29.97])
def test_a_film_tells_its_rate(tmp_path: Path, suffix: str, fps: float, item: MakeItem) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoSink(path, fps=fps) as sink:
        feed(sink, [item(0, 0), item(1, 2000)])
    reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert reader.get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=1e-3)
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(2 * fps + 1, abs=1)
    reader.release()


def source(**values: Any) -> Any:
    return SimpleNamespace(**{"uri": "x", "modality": "image", "live": False, "fps": 25.0} | values)


def test_the_time_of_a_picture_from_a_file_is_its_number(
    tmp_path: Path, item: MakeItem, film: ReadFilm
) -> None:
    """Read as fast as it can be, a second of film takes a few milliseconds."""
    with VideoSink(tmp_path / "out.mp4", source=source()) as sink:
        feed(sink, [item(number, number * 3) for number in (0, 1, 2, 5, 6)])
    assert sink.summary()["fps"] == 25
    assert shades(film(tmp_path / "out.mp4"), 7) == [0, 1, 2, 2, 2, 5, 6]


def test_the_time_of_a_live_picture_is_that_of_its_capture(
    tmp_path: Path, item: MakeItem, film: ReadFilm
) -> None:
    with VideoSink(tmp_path / "out.mp4", source=source(live=True, fps=10.0)) as sink:
        feed(sink, [item(0, 0), item(7, 200)])
    assert shades(film(tmp_path / "out.mp4"), 8) == [0, 0, 7]


def test_a_rate_of_its_own_holds_the_file_s_times(tmp_path: Path, item: MakeItem, film: ReadFilm) -> None:
    with VideoSink(tmp_path / "out.mp4", fps=50, source=source()) as sink:
        feed(sink, [item(number, 0) for number in range(3)])
    assert shades(film(tmp_path / "out.mp4"), 3) == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("rate", [None, 0, float("nan"), 90_000, "30"])
def test_a_source_without_a_sane_rate_gives_a_film_of_thirty(tmp_path: Path, rate: Any) -> None:
    with VideoSink(tmp_path / "out.mp4", source=source(live=True, fps=rate)) as sink:
        assert sink.fps == 30


def test_an_encoder_that_is_far_behind_repeats_nothing_until_it_has_caught_up(
    tmp_path: Path, item: MakeItem
) -> None:
    """Else it would be farther behind after each repeat, and the film a still picture."""
    clock_s = iter([100, 101, 107.1, 104, 105])
    with VideoSink(tmp_path / "out.mp4", fps=10, now_ns=lambda: round(next(clock_s) * 1e9)) as sink:
        frames = []
        for second in range(5):
            feed(sink, [item(second, second * 1000)])
            frames.append(sink.summary()["frames"])
    assert frames == [1, 11, 12, 22, 32]
    assert sink.summary()["left_out_s"] == 0.9


@pytest.mark.parametrize(("suffix", "fps"), [(".mp4", 30), (".webm", 10)])
def test_a_codec_that_takes_long_has_a_lower_rate_by_itself(tmp_path: Path, suffix: str, fps: float) -> None:
    if not has_encoder(suffix):
        pytest.skip(f"OpenCV here writes no {suffix}")
    with VideoSink(tmp_path / f"out{suffix}") as sink:
        assert sink.fps == fps


def test_results_are_drawn(tmp_path: Path, item: MakeItem, film: ReadFilm, box: Detections) -> None:
    with VideoSink(tmp_path / "out.mp4") as sink:
        feed(sink, [item(0, value=box, size_wh=(320, 240)), item(1, size_wh=(320, 240))])
    drawn = film(tmp_path / "out.mp4")[0].astype(int)
    red_over_blue = drawn[:, :, 2] - drawn[:, :, 0]
    assert red_over_blue[35, 20:45].min() > 60  # its lower side
    assert red_over_blue[60:].max() < 30


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_colours_are_those_of_the_frame(tmp_path: Path, item: MakeItem, film: ReadFilm, color: str) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :, 0] = 250
    with VideoSink(tmp_path / "out.mp4") as sink:
        feed(sink, [item(pixels=pixels, color=color)])
    blue, _, red = film(tmp_path / "out.mp4")[0].reshape(-1, 3).mean(axis=0)
    assert (red > 200 and blue < 50) if color == "rgb" else (blue > 200 and red < 50)


def test_a_grey_frame_is_a_picture_too(tmp_path: Path, item: MakeItem, film: ReadFilm) -> None:
    with VideoSink(tmp_path / "out.mp4") as sink:
        feed(sink, [item(1, color="gray")])
    assert film(tmp_path / "out.mp4")[0].mean() == pytest.approx(shade(1), abs=3)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("size_wh", "written_wh"),
    [((63, 47), (64, 48)), ((1, 1), (16, 16)), ((15, 200), (16, 200)), ((64, 48), (64, 48))],
)
def test_sides_are_made_even_without_scaling(
    tmp_path: Path,
    suffix: str,
    size_wh: tuple[int, int],
    written_wh: tuple[int, int],
    item: MakeItem,
    film: ReadFilm,
) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoSink(path) as sink:
        feed(sink, [item(5, size_wh=size_wh)])
    assert film(path)[0].shape == (written_wh[1], written_wh[0], 3)


def test_a_film_of_odd_sides_is_as_sharp_as_its_pictures(
    tmp_path: Path, item: MakeItem, film: ReadFilm
) -> None:
    """Stripes of one pixel, which scaling would blur."""
    if not has_encoder(".avi"):
        pytest.skip("OpenCV here writes no .avi")
    stripes = np.zeros((47, 63, 3), np.uint8)
    stripes[:, ::2] = 250
    with VideoSink(tmp_path / "out.avi") as sink:
        feed(sink, [item(pixels=stripes)])
    row = film(tmp_path / "out.avi")[0][24, :63].mean(axis=1)
    assert np.abs(np.diff(row)).min() > 120


def test_a_repeated_picture_is_the_one_before_however_few_places_there_are(
    tmp_path: Path, item: MakeItem, film: ReadFilm
) -> None:
    with VideoSink(tmp_path / "out.mp4", fps=10, capacity=1) as sink:
        feed(sink, [item(0, 0), item(1, 500), item(2, 800)])
    assert shades(film(tmp_path / "out.mp4"), 3) == [0] * 5 + [1] * 3 + [2]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("missing", [2, 5])
def test_a_film_that_lacks_pictures_is_not_put_in_its_place(
    tmp_path: Path, suffix: str, missing: int
) -> None:
    written = Film(tmp_path / f"out{suffix}", 30, (64, 48))
    for _ in range(10):
        written.write(np.zeros((48, 64, 3), np.uint8))
    written.frames += missing
    with pytest.raises(EdgemmError, match=f"{10 + missing} pictures were written, of which"):
        written.finish()
    assert os.listdir(tmp_path) == []


def test_a_picture_of_another_size_is_scaled_into_the_first_one_s_centred_on_black(
    tmp_path: Path, item: MakeItem, film: ReadFilm
) -> None:
    white = np.full((100, 100, 3), 250, np.uint8)
    wide = np.full((20, 400, 3), 250, np.uint8)
    with VideoSink(tmp_path / "out.mp4", fps=10) as sink:
        feed(sink, [item(0, 0, size_wh=(128, 64)), item(1, 100, pixels=white), item(2, 200, pixels=wide)])
    _, square, strip = film(tmp_path / "out.mp4")
    assert square[8:56, 40:88].min() > 200
    assert square[:, :24].max() < 40
    assert square[:, 104:].max() < 40
    assert strip[:20].max() < 40
    assert strip[44:].max() < 40
    assert strip[31:33, 8:120].min() > 200


def test_the_picture_of_a_model_sets_the_size(tmp_path: Path, item: MakeItem, film: ReadFilm) -> None:
    made = Picture(np.full((96, 128, 3), 80, np.uint8))
    with VideoSink(tmp_path / "out.mp4") as sink:
        feed(sink, [item(0, value=made)])
    assert film(tmp_path / "out.mp4")[0].shape == (96, 128, 3)


def test_a_film_takes_one_stream(tmp_path: Path, item: MakeItem) -> None:
    with VideoSink(tmp_path / "out.mp4") as sink:
        assert sink.put("a", item(0))
        assert not sink.put("b", item(1))
    assert sink.summary()["refused"] == {"other_stream": 1}


def test_without_pictures_there_is_no_film_and_what_was_there_stays(tmp_path: Path, sound: Item) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"before")
    with VideoSink(path, existing="replace") as sink:
        assert not sink.put("", sound)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_the_film_before_is_there_until_the_new_one_is_whole(
    tmp_path: Path, item: MakeItem, film: ReadFilm
) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"before")
    path.chmod(0o640)
    with VideoSink(path, existing="replace") as sink:
        feed(sink, [item(0), item(1)])
        assert path.read_bytes() == b"before"
        assert (tmp_path / "out.part.mp4").stat().st_mode & 0o777 == 0o600
    assert len(film(path)) == 4
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_film_is_written_where_it_was_asked_for_whatever_the_folder_is_later(
    tmp_path: Path, item: MakeItem, film: ReadFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with VideoSink("out.MP4") as sink:
        monkeypatch.chdir("elsewhere")
        feed(sink, [item(0)])
    assert len(film(tmp_path / "out.MP4")) == 1


def test_the_codec_is_told_in_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edgemm")
    with VideoSink(tmp_path / "out.mp4") as sink:
        pass
    assert "MPEG-4 Part 2, which VLC, mpv and ffmpeg play and browsers do not" in caplog.text
    assert sink.summary()["codec"] == "mp4v"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.mov", "expected one of .mp4, .webm, .avi, .mkv; found '.mov'"),
        ("out", "found ''"),
        ("out.mp3", "Did you mean '.mp4'"),
        ("there/out.mp4", "Make the folder first"),
        ("folder.mp4", "found a folder or a device"),
        ("link.mp4", "links are not followed"),
    ],
)
def test_a_film_that_cannot_be_is_refused_before_the_stream_begins(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to("x.mp4")
    with pytest.raises(InputError, match=said):
        VideoSink(tmp_path / name)


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_is_not_writable_is_refused(tmp_path: Path) -> None:
    if os.getuid() != 0:
        tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Choose a folder that you may write to"):
        VideoSink(tmp_path / "out.mp4")


@pytest.mark.parametrize("fps", [0, -1, 241, float("nan"), float("inf"), "30", True])
def test_a_rate_that_no_film_has_is_refused(tmp_path: Path, fps: Any) -> None:
    with pytest.raises(InputError, match=r"fps: expected 0\.1 to 240 pictures per second, found"):
        VideoSink(tmp_path / "out.mp4", fps=fps)


def test_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a source of pictures to draw on, found sound \(mic\)"):
        VideoSink(tmp_path / "out.mp4", source=source(modality="audio", uri="mic"))


def test_an_opencv_without_the_encoder_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CODECS, ".mp4", Codec("????", ""))
    with pytest.raises(EdgemmError, match=r"cannot write \?\?\?\? films"):
        VideoSink(tmp_path / "out.mp4")
    assert os.listdir(tmp_path) == []


def test_what_was_recorded_until_an_error_is_kept(
    tmp_path: Path, item: MakeItem, film: ReadFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = VideoSink(tmp_path / "out.mp4", fps=10)
    feed(sink, [item(number) for number in range(3)])
    monkeypatch.setattr("edgemm.sinks.drawn.paint", lambda canvas, result: 1 / 0)
    sink.put("", item(3))
    with pytest.raises(EdgemmError, match="ZeroDivisionError"):
        sink.close()
    assert len(film(tmp_path / "out.mp4")) == 3


def test_an_error_on_the_first_picture_leaves_what_was_there(
    tmp_path: Path, item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"before")
    sink = VideoSink(tmp_path / "out.mp4", existing="replace")
    monkeypatch.setattr(Film, "write", lambda film, pixels: 1 / 0)
    sink.put("", item(0))
    with pytest.raises(EdgemmError, match="ZeroDivisionError"):
        sink.close()
    assert (tmp_path / "out.mp4").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["out.mp4"]


WRITES = """
import sys, numpy as np, resource
from edgemm.media import Frame
from edgemm.results import Embedding
from edgemm.sinks import VideoSink
from edgemm.stream.item import Item
path, limit, fps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sink = VideoSink(path, fps=fps)
noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
for number in range(60):
    at_ns = number * 1_000_000_000 // fps
    item = Item(Embedding(np.zeros(1, np.float32)), Frame(noise, at_ns, number), number, at_ns, 1.0, False, {})
    sink.put("", item)
    sink.drain(60)
"""


def program(then: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", WRITES + then, *arguments]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_program_leaves_nothing_under_the_name_and_what_it_has_written_as_a_part(
    tmp_path: Path, suffix: str, item: MakeItem, film: ReadFilm
) -> None:
    path, part = tmp_path / f"out{suffix}", f"out.part{suffix}"
    child = subprocess.Popen(
        program("print('written', flush=True); sys.stdin.read()", str(path), "0", "3"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "written\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert os.listdir(tmp_path) == [part]
    readable = len(film(tmp_path / part))
    assert (
        readable == 0 if suffix == ".mp4" else readable >= 20
    )  # of 60, 20 s; the last 5 s and 256 KiB are in memory
    with VideoSink(path) as sink:  # which is nobody's to remove
        feed(sink, [item(0)])
        assert sorted(os.listdir(tmp_path)) == sorted([part, f"out.part-2{suffix}"])
    assert sorted(os.listdir(tmp_path)) == sorted([part, path.name])
    assert len(film(path)) == 1
    with VideoSink(path, existing="replace") as sink:  # all of that name may go
        feed(sink, [item(0)])
        assert sorted(os.listdir(tmp_path)) == sorted([part, path.name])
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("there", ["a film", "a broken link"])
def test_a_film_that_is_there_is_not_replaced_unasked(tmp_path: Path, there: str) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"before") if there == "a film" else path.symlink_to("nowhere")
    with pytest.raises(InputError, match=r"is there already.*--overwrite|links are not followed"):
        VideoSink(path)
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_a_new_film_may_be_numbered(tmp_path: Path, item: MakeItem, film: ReadFilm) -> None:
    for number in (1, 2, 3):
        with VideoSink(tmp_path / "out.mp4", existing="number") as sink:
            feed(sink, [item(0)] * number)
        assert sink.summary()["path"].endswith("out.mp4" if number == 1 else f"out-{number}.mp4")
    assert sorted(os.listdir(tmp_path)) == ["out-2.mp4", "out-3.mp4", "out.mp4"]


def test_a_film_that_another_program_has_made_meanwhile_stays(
    tmp_path: Path, item: MakeItem, film: ReadFilm, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path) as sink:
        feed(sink, [item(0)])
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert len(film(tmp_path / "out-2.mp4")) == 1
    assert sink.summary()["path"] == str(tmp_path / "out-2.mp4")
    assert "another program has made it meanwhile" in caplog.text
    assert sorted(os.listdir(tmp_path)) == ["out-2.mp4", "out.mp4"]


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path, item: MakeItem, film: ReadFilm) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path, existing="replace") as one, VideoSink(path, existing="replace") as two:
        feed(one, [item(0)])
        feed(two, [item(0, 0), item(1, 500)])
        assert sorted(os.listdir(tmp_path)) == ["out.part-2.mp4", "out.part.mp4"]
    assert os.listdir(tmp_path) == ["out.mp4"]
    assert len(film(path)) == 1  # `two` was closed first


def test_a_word_for_what_is_there_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="existing: expected one of"):
        VideoSink(tmp_path / "out.mp4", existing="keep")  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_limit_of_file_size_is_told_and_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    done = subprocess.run(
        program("sink.close()", str(path), str(100_000), "30"), capture_output=True, text=True, check=False
    )
    assert "EdgemmError" in done.stderr
    assert "60 pictures were written, of which" in done.stderr
    assert "`ulimit -f`" in done.stderr
    assert os.listdir(tmp_path) == []


def small_disk(folder: Path, mib: int) -> None:
    """A tmpfs; skips where this user may not mount one."""
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("a small disk needs the right to mount a tmpfs")


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    """A disk of 9 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    small_disk(folder, 9)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def noise() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)


def test_a_disk_that_becomes_full_ends_the_film_and_keeps_it(
    disk: Path, item: MakeItem, film: ReadFilm
) -> None:
    sink = VideoSink(disk / "out.avi", fps=30)
    taken = 0

    def fill() -> None:
        nonlocal taken
        for number in range(1000):
            taken += sink.put("", item(number, number * 33.333, pixels=noise()))
            sink.drain(LONG_S)

    with pytest.raises(MachineShortage, match=r"less than 8 MiB .* the film ends after .* s, which are kept"):
        fill()
    assert not sink.put("", item(1000))
    sink.close()
    assert sink.summary()["refused"] == {"failed": 1}
    assert len(film(disk / "out.avi")) == taken == sink.summary()["frames"]
    assert os.listdir(disk) == ["out.avi"]


def test_a_disk_that_is_full_is_told_before_the_stream_begins(disk: Path) -> None:
    (disk / "other").write_bytes(bytes(2 << 20))
    with pytest.raises(MachineShortage, match=r"less than 8 MiB of the disk are free: expected more"):
        VideoSink(disk / "out.mp4")
    assert os.listdir(disk) == ["other"]


def test_a_disk_that_others_fill_leaves_no_half_film(disk: Path, item: MakeItem) -> None:
    """Between two looks at the free space: the film is not whole, and is not kept."""
    sink = VideoSink(disk / "out.mp4", fps=30)
    assert sink.put("", item(0, 0, pixels=noise()))
    sink.drain(LONG_S)
    try:
        (disk / "other").write_bytes(bytes(20 << 20))
    except OSError:
        pass
    for number in range(1, 20):
        sink.put("", item(number, number * 33.333, pixels=noise()))
        sink.drain(LONG_S)
    with pytest.raises(MachineShortage, match=r"pictures were written, of which .* the disk is full"):
        sink.close()
    assert os.listdir(disk) == ["other"]
