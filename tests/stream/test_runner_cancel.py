"""Work under way in one stream of several, or in all, is given up from another thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_session import FakeSession

from edgemm.errors import InputError
from edgemm.media import Captured
from edgemm.results import Transcript
from edgemm.session import Cancellation, Emission, StageClock
from edgemm.stream.runner import Runner

pytestmark = pytest.mark.device
Make = Callable[..., Any]
WAIT_S = 20.0
MOST = 100_000


class Endless(FakeSession):
    """Of each picture it never says anything, until it is told to stop; of the last it says a word."""

    def __init__(self, pictures: int) -> None:
        self.left, self.cancelled = pictures, Cancellation()
        self.at_work, self.asked = threading.Event(), threading.Event()
        self.steps_after = 0

    def feed(self, item: Captured, clock: StageClock) -> Iterator[Emission]:
        self.cancelled.renew()
        self.left -= 1
        if self.left == 0:
            yield Emission(Transcript("last"), item.captured_ns, item.captured_ns)
            return
        self.at_work.set()
        assert self.asked.wait(WAIT_S)
        self.asked.clear()
        for _ in range(MOST):
            if self.cancelled:
                return
            self.steps_after += 1

    def cancel(self) -> None:
        self.cancelled.cancel()
        self.asked.set()

    def close(self) -> None:
        self.cancel()


class Model:
    """Gives out one session."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def session(self) -> Any:
        return self._session


@pytest.mark.parametrize("name", ["slow", None])
def test_what_is_under_way_is_given_up_and_counted(pictures: Make, sums: Make, name: str | None) -> None:
    session = Endless(4)
    with Runner() as runner:
        runner.add("other", Model(sums()), pictures(5))
        runner.add("slow", Model(session), pictures(4))

        def cancel() -> None:
            for _ in range(3):
                assert session.at_work.wait(WAIT_S)
                session.at_work.clear()
                runner.cancel(*([name] if name else []))

        other = threading.Thread(target=cancel)
        other.start()
        found = Counter(each for each, _ in runner)
        other.join(WAIT_S)
        summary = runner.summary()
    assert found["slow"] == 1
    assert session.steps_after <= 3  # one for each
    assert summary["slow"]["dropped"] == {"interrupted": 3} == {"interrupted": summary["slow"]["interrupted"]}
    assert summary["slow"]["captured"] == 4
    if name:
        assert found["other"] == 5
        assert "interrupted" not in summary["other"]


def test_a_stream_that_is_not_there_is_named() -> None:
    with Runner() as runner, pytest.raises(InputError, match=r"no stream 'door'.*none"):
        runner.cancel("door")


def test_without_work_nothing_happens(pictures: Make, sums: Make) -> None:
    with Runner() as runner:
        runner.cancel()
        runner.add("seen", Model(sums()), pictures(3))
        runner.cancel("seen")
        assert len(list(runner)) == 3
    runner.cancel()
