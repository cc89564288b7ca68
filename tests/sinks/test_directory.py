"""Folders of pictures, read back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm.errors import EdgemmError, InputError
from edgemm.opencv import opencv
from edgemm.results import Detections
from edgemm.sinks import DirectorySink
from edgemm.stream.item import Item

pytestmark = pytest.mark.device
cv2 = needs(opencv)
MakeItem = Callable[..., Item]
LONG_S = 60.0


def feed(sink: DirectorySink, items: list[Item], stream: str = "") -> None:
    for item in items:
        assert sink.put(stream, item)
        sink.drain(LONG_S)


def test_each_picture_has_the_number_of_its_result(tmp_path: Path, item: MakeItem) -> None:
    with DirectorySink(tmp_path / "a" / "b") as sink:
        feed(sink, [item(0), item(7)])
    assert sorted(os.listdir(tmp_path / "a" / "b")) == ["edgemm-000000.jpg", "edgemm-000007.jpg"]
    assert sink.summary() == {
        "path": str(tmp_path / "a" / "b"), "taken": 2, "written": 2, "refused": {}, "not_written": 0, "removed": 0,
    }  # fmt: skip


def test_a_png_is_what_draw_gives(tmp_path: Path, item: MakeItem, box: Detections) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    with DirectorySink(tmp_path, format="png") as sink:
        feed(sink, [item(0, pixels=pixels, color="rgb", value=box)])
    read = cv2.imread(str(tmp_path / "edgemm-000000.png"))[:, :, ::-1]
    assert np.array_equal(read, edgemm.draw(pixels, box))


def test_numbers_go_on_after_those_of_an_earlier_run(tmp_path: Path, item: MakeItem) -> None:
    for _ in range(2):
        with DirectorySink(tmp_path) as sink:
            feed(sink, [item(0), item(1)])
    assert sorted(os.listdir(tmp_path)) == [f"edgemm-00000{each}.jpg" for each in range(4)]


def test_streams_have_names_and_numbers_of_their_own(tmp_path: Path, item: MakeItem) -> None:
    with DirectorySink(tmp_path) as sink:
        for stream in ("door", "a/b", "a b", "../x"):
            feed(sink, [item(0)], stream)
    assert sorted(os.listdir(tmp_path)) == [
        "edgemm-.._x-000000.jpg",
        "edgemm-a_b-000000.jpg",
        "edgemm-a_b_2-000000.jpg",
        "edgemm-door-000000.jpg",
    ]
    with DirectorySink(tmp_path) as sink:
        feed(sink, [item(0)], "door")
        feed(sink, [item(0)], "gate")
    assert {"edgemm-door-000001.jpg", "edgemm-gate-000000.jpg"} <= set(os.listdir(tmp_path))


def test_the_oldest_are_removed_and_nothing_else_is(tmp_path: Path, item: MakeItem) -> None:
    others = ["000000.jpg", "edgemm-1.jpg", "edgemm-000001.txt", "holiday.jpg"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "edgemm-000009.png").mkdir()
    with DirectorySink(tmp_path, limit=3) as sink:
        feed(sink, [item(number) for number in range(5)])
    with DirectorySink(tmp_path, limit=3) as again:
        feed(again, [item(0)])
    kept = [f"edgemm-00000{each}.jpg" for each in (3, 4, 5)]
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "edgemm-000009.png", *kept])
    assert (sink.summary()["removed"], again.summary()["removed"]) == (2, 1)


def test_the_oldest_by_time_not_by_number(tmp_path: Path, item: MakeItem) -> None:
    seconds = [4, 1, 7, 3, 8, 2, 6, 5]
    for number, second in enumerate(seconds):
        name = tmp_path / f"edgemm-{'a-' * (number % 2)}{number:06d}.jpg"
        name.write_bytes(b"x")
        os.utime(name, (second, second))
    with DirectorySink(tmp_path, limit=3) as sink:
        feed(sink, [item(0)], "a")
    assert sorted(os.listdir(tmp_path)) == ["edgemm-000002.jpg", "edgemm-000004.jpg", "edgemm-a-000008.jpg"]


def test_a_picture_is_never_seen_half_written(
    tmp_path: Path, item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever has the name at any step is a whole picture."""
    seen: list[list[str]] = []
    replace = os.link

    def looking(made: Any, target: Any) -> None:
        seen.append([name for name in os.listdir(tmp_path) if name.startswith("edgemm-")])
        replace(made, target)
        assert cv2.imread(str(target)) is not None

    monkeypatch.setattr(os, "link", looking)
    with DirectorySink(tmp_path) as sink:
        feed(sink, [item(0), item(1)])
    assert seen == [[], ["edgemm-000000.jpg"]]


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".edgemm-000000.jpg.0123456789abcdef.edgemm.part").write_bytes(b"half")
    DirectorySink(tmp_path).close()
    assert os.listdir(tmp_path) == []


def test_a_disk_that_is_full_costs_pictures_and_is_told_at_the_end(
    tmp_path: Path, item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgemm import atomic

    write = atomic.write

    def full(path: Any, *arguments: Any, **more: Any) -> int:
        if "000001" in str(path) or "000002" in str(path):
            raise OSError(28, "No space left on device")
        return write(path, *arguments, **more)

    monkeypatch.setattr(atomic, "write", full)
    sink = DirectorySink(tmp_path)
    feed(sink, [item(number) for number in range(4)])
    with pytest.raises(
        EdgemmError,
        match=r"2 pictures were not written. The first: .*000001.jpg: cannot be written \(No space",
    ):
        sink.close()
    assert sorted(os.listdir(tmp_path)) == ["edgemm-000000.jpg", "edgemm-000003.jpg"]
    assert (sink.summary()["written"], sink.summary()["not_written"]) == (2, 2)


def test_a_real_disk_that_is_full(tmp_path: Path, item: MakeItem) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(mounted, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk needs the right to mount a tmpfs")
    try:
        noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
        sink = DirectorySink(disk, format="png")
        feed(sink, [item(number, pixels=noise) for number in range(3)])
        with pytest.raises(EdgemmError, match="2 pictures were not written"):
            sink.close()
        assert os.listdir(disk) == ["edgemm-000000.png"]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(InputError, match=r"folder .* cannot be written"):
            DirectorySink(path)


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_is_not_writable_is_refused(tmp_path: Path) -> None:
    if os.getuid() != 0:
        tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Choose a folder that you may write to"):
        DirectorySink(tmp_path / "new")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"format": "jpeg"}, "expected one of auto, jpg, png; found 'jpeg'"),
        ({"limit": 0}, "limit: expected a whole"),
    ],
)
def test_options_are_checked(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        DirectorySink(tmp_path, **wrong)


@pytest.mark.parametrize("links", [True, False])
def test_two_writers_in_one_folder_lose_nothing(
    tmp_path: Path, item: MakeItem, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:

        def refuse(*_: Any) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr("os.link", refuse)  # as on a FAT file system
    with DirectorySink(tmp_path) as one, DirectorySink(tmp_path) as other:
        for number in range(5):
            feed(one, [item(number)])
            feed(other, [item(number)])
    assert sorted(os.listdir(tmp_path)) == [f"edgemm-{number:06d}.jpg" for number in range(10)]
