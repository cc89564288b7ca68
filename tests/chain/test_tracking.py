"""Things that are followed: when the first model runs, what is the same thing, and what is said of what was skipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from disc_chain import AROUND, COLORS, NEXT, Disc, Load, Watched, frame

import edgemm
from edgemm.chain.session import SceneSession
from edgemm.errors import InputError
from edgemm.media import Frame
from edgemm.results import Scene
from edgemm.session import NO_CLOCK, Gap

pytestmark = pytest.mark.device

FPS = 30
ONE = edgemm.Crop("box", margin=1.6, square=True, at_most=1)


def moving(at: int, colors: Sequence[int] = (0, 1, 2)) -> list[Disc]:
    """Three discs on their ways, some 2 pixels a frame."""
    t = at / FPS
    ways = (
        (0, 60 + 30 * np.sin(2 * t), 60 + 20 * np.cos(1.7 * t), 12),
        (1, 190 + 30 * np.cos(1.5 * t), 60 + 25 * np.sin(2.1 * t), 14 + 3 * np.sin(t)),
        (2, 128 + 60 * np.sin(1.1 * t), 150 + 15 * np.sin(3 * t), 10),
    )
    return [Disc(*way) for way in ways if way[0] in colors]


def clip(frames: int, hidden: dict[int, tuple[int, ...]] | None = None) -> Iterator[Frame]:
    """Frames; `hidden` says which colours are not there in which frames."""
    for at in range(frames):
        gone = (hidden or {}).get(at, ())
        yield frame(moving(at, [each for each in range(3) if each not in gone]), at / FPS, at)


@contextmanager
def session_of(chain: edgemm.model.picture_chain.PictureChain) -> Iterator[SceneSession]:
    session = chain.session()
    try:
        yield session
    finally:
        session.close()


def scenes(session: SceneSession, frames: Iterator[Frame]) -> list[Scene]:
    return [emission.value for each in frames for emission in session.feed(each, NO_CLOCK)]  # type: ignore[misc]


def test_the_points_are_those_of_detecting_every_frame_and_the_detector_rests(network: Load) -> None:
    detector, shape = network("discs"), network("shape")
    crop = edgemm.Crop("box", margin=1.6, square=True, at_most=3)
    with (
        session_of(detector.then(crop, shape)) as every,
        session_of(detector.then(crop, shape, track=edgemm.Track(NEXT))) as tracked,
    ):
        expected, found = scenes(every, clip(120)), scenes(tracked, clip(120))
    assert len(found) == len(expected) == 120
    assert [at for at, each in enumerate(found) if each.detected] == [0]
    for one, other in zip(expected, found, strict=True):
        by_label = {each.label: each for each in one.things}
        assert {each.label for each in other.things} == by_label.keys()
        for thing in other.things:
            theirs = by_label[thing.label]
            size = float(np.ptp(theirs["landmarks"].points_xy, axis=0).max())
            distance = np.linalg.norm(thing["landmarks"].points_xy - theirs["landmarks"].points_xy, axis=1)
            assert distance.max() <= 0.02 * size
            assert thing.box_xyxy == pytest.approx(theirs.box_xyxy, abs=3.0)


def test_a_track_keeps_its_number_and_label(network: Load) -> None:
    chain = network("discs").then(AROUND, network("shape"), track=edgemm.Track(NEXT))
    with session_of(chain) as session:
        found = scenes(session, clip(40))
    numbers = {(thing.track, thing.label) for each in found for thing in each.things}
    assert len(numbers) == 3
    assert {label for _, label in numbers} == set(COLORS)
    assert sum(each.detected for each in found) == 3, "at 0, 0.5 and 1.0 s, since any number is wanted"
    assert all(each.left_out == (3 if each.detected and at else 0) for at, each in enumerate(found))


def test_a_lost_thing_is_told_and_found_again_within_half_a_second(network: Load) -> None:
    chain = network("discs").then(
        edgemm.Crop(margin=1.6, square=True, at_most=3), network("shape"), track=edgemm.Track(NEXT)
    )
    with session_of(chain) as session:
        found = scenes(session, clip(90, dict.fromkeys(range(30, 50), (1,))))
    greens = [[thing.track for thing in each.things if thing.label == "green"] for each in found]
    assert all(greens[at] for at in (*range(30), *range(65, 90)))
    assert not any(greens[30:50])
    (before,), (after,) = greens[29], greens[65]
    assert found[30].lost == (before,)
    assert after != before
    assert [each.lost for at, each in enumerate(found) if each.lost and at != 30] == []
    assert [at for at, each in enumerate(found) if each.detected] == [0, 31, 46, 61]


def test_the_detector_looks_once_for_what_was_lost(network: Load) -> None:
    crop = edgemm.Crop(margin=1.6, square=True, at_most=3)
    chain = network("discs").then(crop, network("shape"), track=edgemm.Track(NEXT, every_s=None))
    with session_of(chain) as session:
        found = scenes(session, clip(12, dict.fromkeys(range(5, 12), (1,))))
    assert [at for at, each in enumerate(found) if each.detected] == [0, 6]


def test_without_anything_to_follow_the_detector_runs_on_every_frame(network: Load) -> None:
    chain = network("discs").then(ONE, network("shape"), track=edgemm.Track(NEXT, every_s=None))
    with session_of(chain) as session:
        found = scenes(session, clip(5, dict.fromkeys(range(5), (0, 1, 2))))
    assert [(each.detected, each.things) for each in found] == [(True, ())] * 5


@pytest.mark.parametrize(("every_s", "runs"), [(0.0, 10), (0.1, 4), (None, 1)])
def test_every_so_often_while_fewer_are_tracked_than_wanted(
    network: Load, every_s: float | None, runs: int
) -> None:
    crop = edgemm.Crop(margin=1.6, square=True, at_most=2)
    chain = network("discs").then(crop, network("shape"), track=edgemm.Track(NEXT, every_s=every_s))
    with session_of(chain) as session:
        found = scenes(session, clip(10, dict.fromkeys(range(10), (1, 2))))
    assert sum(each.detected for each in found) == runs


def test_as_many_as_are_wanted_leave_the_detector_alone(network: Load) -> None:
    crop = edgemm.Crop(margin=1.6, square=True, at_most=2)
    chain = network("discs").then(crop, network("shape"), track=edgemm.Track(NEXT, every_s=0.0))
    with session_of(chain) as session:
        found = scenes(session, clip(10))
    assert [each.detected for each in found] == [True] + [False] * 9
    assert [len(each.things) for each in found] == [2] * 10
    assert found[0].left_out == 1


@pytest.mark.parametrize("change", ["gap", "back", "size", "origin", "told", "reset"])
def test_tracks_end_where_a_frame_does_not_follow_the_one_before(network: Load, change: str) -> None:
    chain = network("discs").then(ONE, network("shape"), track=edgemm.Track(NEXT, every_s=None, gap_s=0.2))
    with session_of(chain) as session:
        before = scenes(session, clip(3))
        at_s = {"gap": 0.5, "back": 0.01}.get(change, 0.1)
        size_wh = (320, 240) if change == "size" else (256, 192)
        item = frame(moving(3), at_s, 3, size_wh=size_wh)
        if change == "origin":
            item = Frame(item.pixels, item.captured_ns, 3, origin="another.mp4")
        if change == "told":
            assert list(session.gap(Gap(0), NO_CLOCK)) == []
        if change == "reset":
            session.reset()
        (after,) = scenes(session, iter([item]))
    assert [each.detected for each in before] == [True, False, False]
    assert after.detected
    assert after.things[0].track == 2, "a number is given once"


def test_a_gap_within_the_limit_is_none(network: Load) -> None:
    chain = network("discs").then(ONE, network("shape"), track=edgemm.Track(NEXT, every_s=None, gap_s=0.2))
    with session_of(chain) as session:
        found = scenes(
            session, iter([frame(moving(0), 0.0), frame(moving(0), 0.199), frame(moving(0), 0.39)])
        )
    assert [each.detected for each in found] == [True, False, False]


def test_two_tracks_that_look_at_the_same_become_one(network: Load) -> None:
    """The grey network sees one blob where the discs of two colours run into each other."""
    crop = edgemm.Crop(margin=1.6, square=True, at_most=2)
    chain = network("discs").then(crop, network("shape"), track=edgemm.Track(NEXT, every_s=None))
    apart = [
        frame([Disc(0, 100 - x, 96), Disc(1, 140 + x, 96)], at / FPS, at) for at, x in enumerate((10, 4, 0))
    ]
    near = [frame([Disc(0, 118 + x, 96), Disc(1, 122 - x, 96)], (3 + x) / FPS, 3 + x) for x in range(3)]
    with session_of(chain) as session:
        found = scenes(session, iter([*apart, *near]))
    assert [len(each.things) for each in found[:3]] == [2, 2, 2]
    assert [each.lost for each in found if each.lost] == [(2,)]
    assert len(found[-1].things) == 1


def test_what_the_second_model_never_saw_is_left_out_and_not_lost(network: Load) -> None:
    crop = edgemm.Crop(shift=(9.0, 9.0), at_most=1)
    chain = network("discs").then(crop, network("shape"), track=edgemm.Track(NEXT))
    with session_of(chain) as session:
        found = scenes(session, (frame([Disc(0, 60, 60)], at / FPS, at) for at in range(3)))
    assert [(each.things, each.lost, each.left_out, each.detected) for each in found] == [
        ((), (), 1, True)
    ] * 3


def test_a_low_score_is_a_loss(network: Load) -> None:
    """The presence of the shape is a fiftieth of its light: a disc that shrinks in its part is lost at the limit."""
    wide = edgemm.Crop("points", margin=1.6, square=True)
    runs = {}
    for lost_below in (0.5, 1.0):
        track = edgemm.Track(wide, lost_below=lost_below, every_s=None)
        chain = network("discs").then(
            edgemm.Crop(margin=4, square=True, at_most=1), network("shape"), track=track
        )
        with session_of(chain) as session:
            (first,) = scenes(session, iter([frame([Disc(0, 128, 96)])]))
        runs[lost_below] = [each.score for each in first.things]
    assert len(runs[0.5]) == 1
    assert runs[1.0] == []


def test_two_streams_of_one_chain_do_not_touch(network: Load) -> None:
    chain = network("discs").then(AROUND, network("shape"), track=edgemm.Track(NEXT))
    with session_of(chain) as alone:
        expected = [each.to_json() for each in scenes(alone, clip(20))]
    with session_of(chain) as one, session_of(chain) as other:
        found = []
        for at, each in enumerate(clip(20)):
            found += scenes(one, iter([each]))
            scenes(other, iter([frame([Disc(2, 40, 40)], at / 7)]))
            chain(each)
    assert [each.to_json() for each in found] == expected


def test_smoothing_needs_something_that_is_the_same_from_frame_to_frame(network: Load) -> None:
    detector, shape = network("discs"), network("shape")
    with pytest.raises(InputError, match="smooth: expected track= beside it"):
        detector.then(AROUND, shape, smooth=edgemm.Smooth())
    with pytest.raises(InputError, match="smooth: expected a chain whose first crop has track="):
        detector.then(AROUND, shape).then(NEXT, shape, smooth=edgemm.Smooth())


def test_smoothed_points_shake_less_and_the_track_follows_the_raw_ones(network: Load) -> None:
    rng = np.random.default_rng(4)
    shaken = [
        frame([Disc(0, 128 + rng.normal(0, 1), 96 + rng.normal(0, 1))], at / FPS, at) for at in range(60)
    ]
    detector, shape = network("discs"), network("shape")
    found = {}
    for smooth in (None, edgemm.Smooth(0.5, 0.0)):
        chain = detector.then(ONE, shape, track=edgemm.Track(NEXT), smooth=smooth)
        with session_of(chain) as session:
            found[smooth is None] = scenes(session, iter(shaken))
    raw, smoothed = (
        np.array([each.things[0]["landmarks"].points_xy[0] for each in found[plain]])
        for plain in (True, False)
    )
    assert np.diff(smoothed, axis=0).std() < 0.2 * np.diff(raw, axis=0).std()
    assert np.abs(smoothed[20:].mean(axis=0) - (128, 96)).max() < 1.0
    quads = [np.array([each.things[0].quad_xy for each in found[plain]]) for plain in (True, False)]
    assert (quads[0] == quads[1]).all()


def test_the_points_of_the_next_part_may_be_smoothed_alone(network: Load) -> None:
    rng = np.random.default_rng(4)
    shaken = [
        frame([Disc(0, 128 + rng.normal(0, 1), 96 + rng.normal(0, 1))], at / FPS, at) for at in range(40)
    ]
    detector, shape = network("discs"), network("shape")
    quads, points = [], []
    for smooth in (None, edgemm.Smooth(0.5, 0.0)):
        chain = detector.then(ONE, shape, track=edgemm.Track(NEXT, smooth=smooth))
        with session_of(chain) as session:
            found = scenes(session, iter(shaken))
        quads.append(np.array([each.things[0].quad_xy.mean(axis=0) for each in found[1:]]))
        points.append(np.array([each.things[0]["landmarks"].points_xy for each in found]))
    assert np.diff(quads[1], axis=0).std() < 0.2 * np.diff(quads[0], axis=0).std()
    assert np.abs(points[0] - points[1]).max() < 0.5


def going(at: int) -> list[Disc]:
    """Red to the right, green down, blue to the left and up."""
    return [Disc(0, 40 + 3 * at, 40), Disc(1, 200, 40 + 3 * at), Disc(2, 150 - 3 * at, 170 - 2 * at)]


def test_a_model_of_points_has_a_history_for_each_track(network: Load) -> None:
    chain = network("discs").then(AROUND, network("shape"), track=edgemm.Track(NEXT)).then(network("motion"))
    assert chain.stages == ("detection", "landmarks", "classification")
    with session_of(chain) as session:
        found = scenes(session, (frame(going(at), at / FPS, at) for at in range(8)))
    assert [list(thing.results) for thing in found[0].things] == [["landmarks"]] * 3, "nothing was before"
    expected = {"red": "right", "green": "down", "blue": "nowhere"}
    for scene in found[1:]:
        assert {each.label: each["classification"].label for each in scene.things} == expected


def test_without_tracks_a_model_of_points_remembers_nothing(network: Load) -> None:
    chain = network("discs").then(AROUND, network("shape")).then(network("motion"))
    with session_of(chain) as session:
        found = scenes(session, (frame(going(at), at / FPS, at) for at in range(4)))
    assert {tuple(thing.results) for scene in found for thing in scene.things} == {("landmarks",)}


def test_the_sessions_of_a_track_end_with_it(network: Load) -> None:
    motion = Watched("motion", network("motion"), lambda name: None)
    chain = network("discs").then(AROUND, network("shape"), track=edgemm.Track(NEXT)).then(motion)
    session = chain.session()
    for at in range(3):
        list(session.feed(frame(going(at), at / FPS, at), NO_CLOCK))
    assert motion.open_sessions == 1 + 3, "its own, and one for each track"
    list(session.feed(frame(going(3)[:2], 3 / FPS, 3), NO_CLOCK))
    assert motion.open_sessions == 1 + 2
    session.reset()
    assert motion.open_sessions == 1
    list(session.feed(frame(going(4), 4 / FPS, 4), NO_CLOCK))
    session.close()
    assert motion.open_sessions == 0


def test_what_steadies_the_next_part_counts_speeds_in_sizes_of_the_thing(network: Load) -> None:
    """As the filter by itself, which has its own tests, over the points that are given out."""
    smooth = edgemm.Smooth(0.5, 3.0)
    chain = network("discs").then(ONE, network("shape"), track=edgemm.Track(NEXT, smooth=smooth))
    frames = [frame([Disc(0, 60 + 2 * at + at % 3, 90, 12)], at / FPS, at) for at in range(20)]
    with session_of(chain) as session:
        found = scenes(session, iter(frames))
    keep = smooth.begin()
    for at, (scene, following) in enumerate(pairwise(found)):
        raw = scene.things[0]["landmarks"]
        size = float(np.ptp(raw.points_xy, axis=0).mean())
        ((part,), _) = NEXT.parts(keep(raw, frames[at].captured_ns, size))
        assert following.things[0].quad_xy == pytest.approx(part.region.corners_xy, abs=0.01)
