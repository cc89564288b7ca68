"""What sessions of tests have in common: a stream's session that remembers nothing."""

from __future__ import annotations

from collections.abc import Iterable

from edgemm.media import AudioBlock, Captured
from edgemm.results import Result
from edgemm.session import Emission, Gap, StageClock


def emitted(item: Captured, value: Result) -> Emission:
    """A result that the whole item made: as old as its last sample."""
    newest_ns = item.captured_ns
    if isinstance(item, AudioBlock):
        newest_ns += round(len(item.samples) * 1e9 / item.sample_rate)
    return Emission(value, item.captured_ns, newest_ns)


class FakeSession:
    """All of a `Session` but `feed`."""

    def gap(self, gap: Gap, clock: StageClock) -> Iterable[Emission]:
        self.reset()
        return ()

    def finish(self, clock: StageClock) -> Iterable[Emission]:
        return ()

    def cancel(self) -> None: ...
    def reset(self) -> None: ...
    def close(self) -> None: ...
