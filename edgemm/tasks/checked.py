"""Decoders of other packages: what they give is looked at, so that an error names the task and not some later line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edgemm.card.tasks import origin
from edgemm.errors import CardError, EdgemmError
from edgemm.results import Result
from edgemm.tasks.context import Context
from edgemm.tasks.decoder import Decoder, HearsLevels, HearsOut, HearsSilence
from edgemm.tasks.outputs import Outputs

_METHODS = ("begin", "decode", "end", "whole")
_RESULT = "an edgemm.results.Result"


class CheckedDecoder:
    """See `edgemm.tasks.decoder.Decoder`; the same, checked."""

    def __init__(self, task: str, decoder: Decoder) -> None:
        """Args:
            task: its name in cards.
            decoder: what the task's `open` gave.

        Raises:
            CardError: it is no decoder.
        """
        self._name, self._decoder = origin(task), decoder
        missing = [each for each in _METHODS if not callable(getattr(decoder, each, None))]
        if missing:
            raise CardError(
                f"{self._name}: open() must give a decoder, found {_kind(decoder)}, which lacks {', '.join(missing)}. "
                "See edgemm.tasks.decoder.Decoder"
            )
        if isinstance(decoder, HearsOut):
            self.tail_s = decoder.tail_s
        if isinstance(decoder, HearsLevels):
            self.by_level = decoder.by_level
        if isinstance(decoder, HearsSilence):
            self.silence_s, self.joined, quiet = decoder.silence_s, decoder.joined, decoder.quiet
            self.quiet = lambda context, state: self._results("quiet", quiet(context, state))

    def begin(self) -> Any:
        """The state of a new stream."""
        return self._decoder.begin()

    def decode(self, outputs: Outputs, context: Context, state: Any) -> Iterable[Result]:
        """The results that one run completes.

        Raises:
            EdgemmError: what the task gave is something else.
        """
        return self._results("decode", self._decoder.decode(outputs, context, state))

    def end(self, context: Context, state: Any) -> Iterable[Result]:
        """What is still to be said.

        Raises:
            EdgemmError: what the task gave is something else.
        """
        return self._results("end", self._decoder.end(context, state))

    def whole(self, windows: Sequence[Outputs], context: Context, stride_s: float) -> Result:
        """One result for one picture, or for a recording.

        Raises:
            EdgemmError: what the task gave is something else.
        """
        found: Any = self._decoder.whole(windows, context, stride_s)
        if not isinstance(found, Result):
            raise EdgemmError(f"{self._name}: whole() must give {_RESULT}, found {_kind(found)}")
        return found

    def _results(self, method: str, found: Any) -> Iterator[Result]:
        wanted = f"{self._name}: {method}() must give a list of results, each {_RESULT}"
        if isinstance(found, Result):
            raise EdgemmError(f"{wanted}, found one {_kind(found)} by itself. Put it in a list")
        if isinstance(found, str | bytes | dict) or not isinstance(found, Iterable):
            raise EdgemmError(f"{wanted}, found {_kind(found)}. Where there is no result, give an empty list")
        return self._each(wanted, found)

    @staticmethod
    def _each(wanted: str, found: Iterable[Any]) -> Iterator[Result]:
        for each in found:
            if not isinstance(each, Result):
                raise EdgemmError(f"{wanted}, found {_kind(each)} among them")
            yield each


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
