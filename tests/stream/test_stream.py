"""One source, one session, one budget: in line, where nothing is dropped unasked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from fake_session import FakeSession

from edgemm.capture.source import Source
from edgemm.errors import EdgemmError, InputError, SourceLost, SourceTimeout
from edgemm.media import AudioBlock, Captured, Frame
from edgemm.results import Embedding
from edgemm.session import Emission, Gap
from edgemm.stream.budget import Budget
from edgemm.stream.item import Item
from edgemm.stream.stream import Stream

pytestmark = pytest.mark.device

Make = Callable[..., Any]


def number(item: Item) -> int:
    return int(item.value.vector[0])  # type: ignore[attr-defined]


def test_every_picture_gives_an_item(pictures: Make, sums: Make, time: Any, balanced: Make) -> None:
    with Stream(sums(), pictures(5), now_ns=time.now_ns) as stream:
        items = list(stream)
        summary = stream.ledger.summary()
    assert [number(item) for item in items] == [0, 1, 2, 3, 4]
    assert [item.sequence for item in items] == [0, 1, 2, 3, 4]
    assert (summary["captured"], summary["delivered"], summary["dropped"], summary["in_flight"]) == (
        5,
        5,
        {},
        0,
    )
    balanced(summary)


def test_the_age_is_the_sum_of_the_stages(pictures: Make, sums: Make, time: Any) -> None:
    with Stream(sums(), pictures(1), now_ns=time.now_ns) as stream:
        (item,) = stream
    assert item.stages_ms == {"wait": 0.0, "preprocess": 1.0, "infer": 2.0, "decode": 0.5}
    assert item.age_ms == 3.5
    assert isinstance(item.frame, Frame)
    assert item.captured_ns == item.frame.captured_ns


def test_an_age_is_frozen_at_delivery(pictures: Make, sums: Make, time: Any) -> None:
    with Stream(sums(), pictures(2), now_ns=time.now_ns) as stream:
        item = next(stream)
        time.pass_ms(1000)
        assert item.age_ms == 3.5
        assert next(stream).age_ms == 3.5  # the second was read after the pause


def test_a_result_above_the_budget_is_delivered_and_counted(pictures: Make, sums: Make, time: Any) -> None:
    slow = sums(before=lambda item: time.pass_ms(10 * (item.sequence == 1)))
    with Stream(slow, pictures(3), Budget(max_age_ms=5), now_ns=time.now_ns) as stream:
        assert [item.late for item in stream] == [False, True, False]
        assert stream.ledger.summary()["late"] == 1


def test_a_result_above_the_budget_is_dropped_on_demand(pictures: Make, sums: Make, time: Any) -> None:
    slow = sums(before=lambda item: time.pass_ms(10 * (item.sequence == 1)))
    with Stream(slow, pictures(3), Budget(5, on_late="drop"), now_ns=time.now_ns) as stream:
        items = list(stream)
        summary = stream.ledger.summary()
    assert [number(item) for item in items] == [0, 2]
    assert [item.sequence for item in items] == [0, 1]
    assert (summary["dropped"], summary["late"]) == ({"late": 1}, 0)


def test_a_block_without_a_result_is_taken_in(speech: Make, sums: Make, time: Any, balanced: Make) -> None:
    with Stream(sums(window=160), speech(400), now_ns=time.now_ns) as stream:  # blocks of 80
        items = list(stream)
        summary = stream.ledger.summary()
    assert len(items) == 4  # windows of 160 every 80 samples in 400
    assert (summary["captured"], summary["delivered"], summary["results"]) == (5, 5, 4)
    assert summary["samples"] == {"captured": 400, "delivered": 400, "dropped": {}, "in_flight": 0}
    balanced(summary)


def test_one_block_may_give_several_results(speech: Make, sums: Make, time: Any) -> None:
    with Stream(sums(window=40), speech(80), now_ns=time.now_ns) as stream:
        assert len(list(stream)) == 3
        summary = stream.ledger.summary()
    assert (summary["delivered"], summary["results"], summary["samples"]["delivered"]) == (1, 3, 80)


def test_sound_in_blocks_gives_what_the_whole_gives(speech: Make, sums: Make, time: Any) -> None:
    answers = []
    for block_ms in (1, 7, 1000):
        with Stream(sums(), speech(4000, block_ms=block_ms), now_ns=time.now_ns) as stream:
            answers.append([float(item.value.vector[0]) for item in stream])  # type: ignore[attr-defined]
    assert len(answers[0]) > 40
    assert answers[0] == answers[1] == answers[2]


def test_between_two_recordings_the_session_begins_anew(speech: Make, sums: Make, time: Any) -> None:
    session = sums(window=160)
    with Stream(session, speech(200, 200), now_ns=time.now_ns) as stream:
        assert len(list(stream)) == 2
        assert stream.ledger.summary()["samples"]["dropped"] == {"next-file": 1}
    assert session.resets == 1


def test_sound_is_delivered_however_late(speech: Make, sums: Make, time: Any) -> None:
    slow = sums(window=80, before=lambda item: time.pass_ms(1000))
    with Stream(slow, speech(240), Budget(5, on_late="drop"), now_ns=time.now_ns) as stream:
        assert [item.late for item in stream] == [True] * 5
        assert stream.ledger.summary()["dropped"] == {}


def test_newest_wins_is_refused_for_sound(speech: Make, sums: Make) -> None:
    with pytest.raises(InputError, match="never dropped"):
        Stream(sums(), speech(80), Budget(policy="newest"))


def test_a_failure_of_the_model_costs_one_item(
    pictures: Make, sums: Make, time: Any, failure: type[EdgemmError], balanced: Make
) -> None:
    def fail(item: Captured) -> None:
        if isinstance(item, Frame) and item.sequence == 1:
            raise failure("accelerator gone")

    session = sums(before=fail)
    with Stream(session, pictures(3), now_ns=time.now_ns) as stream:
        assert number(next(stream)) == 0
        with pytest.raises(failure, match="accelerator gone"):
            next(stream)
        assert [number(item) for item in stream] == [2]
        summary = stream.ledger.summary()
    assert summary["dropped"] == {"failed": 1}
    assert session.resets == 1
    balanced(summary)


def test_a_picture_without_a_result_is_taken_in(pictures: Make, sums: Make, time: Any) -> None:
    session = sums()
    session.feed = lambda captured, clock: ()
    with Stream(session, pictures(2), now_ns=time.now_ns) as stream:
        assert list(stream) == []
        summary = stream.ledger.summary()
    assert (summary["delivered"], summary["dropped"], summary["results"]) == (2, {}, 0)


def test_pictures_that_cannot_be_read_are_in_the_account(pictures: Make, sums: Make, time: Any) -> None:
    with Stream(sums(), pictures(4, bad=(1, 3)), now_ns=time.now_ns) as stream:
        assert [number(item) for item in stream] == [0, 2]
        summary = stream.ledger.summary()
    assert (summary["captured"], summary["dropped"]) == (4, {"unreadable": 2})


class Holes:
    """A source that tells of its losses by the sequence numbers alone."""

    uri = "holes"
    modality: Literal["image", "audio", "text"] = "image"
    live = False

    def __init__(self, sequences: list[int]) -> None:
        self.sequences = iter(sequences)

    def read(self, timeout_s: float | None = None) -> Frame | None:
        sequence = next(self.sequences, None)
        return None if sequence is None else Frame(np.zeros((1, 1), np.uint8), 0, sequence, "gray")

    def close(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *error: object) -> None: ...


def test_a_hole_in_the_sequence_is_a_missing_frame(sums: Make) -> None:
    source = Holes([0, 1, 4])
    assert isinstance(source, Source)
    with Stream(sums(), source) as stream:
        list(stream)
        summary = stream.ledger.summary()
    assert (summary["captured"], summary["dropped"]) == (5, {"missing": 2})


def test_a_source_that_fails_ends_the_stream(pictures: Make, sums: Make, time: Any) -> None:
    with Stream(sums(), pictures(2, bad=(0, 1)), now_ns=time.now_ns) as stream:
        with pytest.raises(SourceLost, match="none of the 2"):
            next(stream)
        assert list(stream) == []


def test_a_source_that_gives_nothing_is_a_timeout(sums: Make, pictures: Make, time: Any) -> None:
    class Silent(Holes):
        live = True

        def read(self, timeout_s: float | None = None) -> Frame | None:
            raise SourceTimeout("nothing")

    for policy in ("all", "newest"):
        with (
            Stream(sums(), Silent([]), Budget(policy=policy), timeout_s=0) as stream,
            pytest.raises(SourceTimeout, match="holes gave nothing for 0 s"),
        ):
            next(stream)


def test_two_streams_do_not_touch(speech: Make, sums: Make, time: Any) -> None:
    alone = [item.value.vector[0] for item in Stream(sums(), speech(2000, seed=1), now_ns=time.now_ns)]  # type: ignore[attr-defined]
    first = Stream(sums(), speech(2000, seed=1), now_ns=time.now_ns)
    second = Stream(sums(), speech(2000, seed=2), now_ns=time.now_ns)
    pairs = list(zip(first, second, strict=True))
    assert [item.value.vector[0] for item, _ in pairs] == alone  # type: ignore[attr-defined]


class Late(FakeSession):
    """Says how many items there were when they end, and before a gap."""

    def __init__(self) -> None:
        self.seen = 0

    def feed(self, item: Captured, clock: Any) -> tuple[()]:
        self.seen += 1
        return ()

    def finish(self, clock: Any) -> list[Emission]:
        return [Emission(Embedding(np.array([self.seen], np.float32)), 1, 2)]

    def gap(self, gap: Gap, clock: Any) -> list[Emission]:
        said = Emission(Embedding(np.array([gap.samples], np.float32)), 1, 2, final=False)
        self.reset()
        return [said]

    def reset(self) -> None:
        self.seen = 0


def test_what_is_said_at_the_end_is_delivered_once(pictures: Make, time: Any, balanced: Make) -> None:
    with Stream(Late(), pictures(3), now_ns=time.now_ns) as stream:
        (last,) = list(stream)
        assert list(stream) == []
        summary = stream.ledger.summary()
    assert (number(last), last.captured_ns) == (3, 2)
    assert (summary["captured"], summary["delivered"], summary["results"]) == (3, 3, 1)
    balanced(summary)


def test_a_source_that_gave_nothing_has_no_last_words(pictures: Make, time: Any) -> None:
    with Stream(Late(), pictures(0), now_ns=time.now_ns) as stream:
        assert list(stream) == []


def test_a_closed_stream_has_no_last_words(pictures: Make, time: Any) -> None:
    with Stream(Late(), pictures(3), now_ns=time.now_ns) as stream:
        stream.close()
        assert list(stream) == []


def test_what_was_heard_before_a_gap_is_said_before_what_follows(time: Any, balanced: Make) -> None:
    blocks = [
        AudioBlock(np.zeros(10, np.float32), 8000, at, at, gap, name)
        for at, gap, name in ((0, 0, "first.wav"), (30, 20, "second.wav"))
    ]

    class Sound:
        uri, modality, live = "sound", "audio", False

        def read(self, timeout_s: float | None = None) -> AudioBlock | None:
            return blocks.pop(0) if blocks else None

        def close(self) -> None: ...
        def __enter__(self) -> Any: ...
        def __exit__(self, *error: object) -> None: ...

    with Stream(Late(), Sound(), now_ns=time.now_ns) as stream:  # type: ignore[arg-type]
        items = list(stream)
        summary = stream.ledger.summary()
    assert [(number(each), each.final) for each in items] == [(20, False), (1, True)]
    assert [each.frame.origin for each in items] == ["first.wav", "second.wav"]
    assert summary["samples"] == {"captured": 40, "delivered": 20, "dropped": {"gap": 20}, "in_flight": 0}
    balanced(summary)
