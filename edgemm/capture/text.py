"""Texts as a source: the lines of a file, or what comes in on standard input.

text:reviews.txt      each line is a text, which waits until it is read
text:-                standard input: typed, or from another program
text:pairs.tsv?pair=1 two texts in each line, with a tab between them

Lines are UTF-8. Empty ones are left out. A line that cannot be read is lost, and counted: "not-utf8"; "too-long",
above MAX_LINE bytes; "no-pair", without the tab that was asked for. What stands in a line is in no log.
"""

from __future__ import annotations

import codecs
import os
import select
import time
from collections.abc import Callable, Mapping
from typing import Literal

from edgemm.capture.files.file_source import FileSource
from edgemm.capture.losses import Losses
from edgemm.capture.uri import SourceUri
from edgemm.errors import InputError, SourceLost, SourceTimeout, UnknownSource
from edgemm.gate import Gate
from edgemm.lifecycle import Lifecycle
from edgemm.media import Text

MAX_LINE = 1 << 20
"""Bytes of one line."""
_CHUNK = 1 << 16
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_POLL_S = 0.2
"""How soon a read without a time limit sees that the source was closed."""
STDIN = "-"
CLOSE_S = 1.0
"""Longest that `close()` waits for a read in another thread, which then ends the source itself."""


def open_text(named: SourceUri) -> TextSource:
    """The lines of a file, or of standard input where the name is "-".

    Raises:
        UnknownSource: there is no such file.
        InputError: an option that is not known, or no name.
        SourceLost: the file cannot be read.
    """
    named.only("pair")
    pair = named.switch("pair", default=False)
    if named.path == STDIN:
        return TextSource(named.text, os.dup(0), "stdin", pair=pair, live=True)
    path = os.path.expanduser(named.path)
    if not path:
        raise InputError(f"{named.text!r}: expected text:FILE, or text:- for standard input")
    if not os.path.isfile(path):
        found = "nothing"
        if os.path.exists(path):
            kind = "a folder" if os.path.isdir(path) else "a pipe or device"
            found = f"{kind}. For what comes in while it is read take `--source text:- < {path}`"
        raise UnknownSource(f"{named.text!r}: expected a file of text, found {found}")
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceLost(f"{named.text!r} cannot be read: {error.strerror}") from error
    return TextSource(named.text, number, os.path.basename(path), pair=pair, live=False)


class TextSource(FileSource):
    """One `Text` for each line. Of standard input each is captured when it comes in, of a file when it is read.

    Nothing that was typed is dropped for its age: a reader that is behind gets it later, as the other program waits.
    """

    modality: Literal["image", "audio", "text"] = "text"

    def __init__(
        self,
        uri: str,
        number: int,
        name: str,
        *,
        pair: bool = False,
        live: bool = False,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Use `open_text`.

        Args:
            number: file descriptor, which is closed with the source.
            name: what each text's origin begins with; the number of its line follows.
            pair: two texts in each line.
            live: a reader can wait for lines that are still to come.
        """
        self.uri, self.live = uri, live
        self._number, self._name, self._pair, self._now_ns = number, name, pair, now_ns
        self._life = Lifecycle(f"source {uri}", "open it again")
        self._gate = Gate(lambda: os.close(number))
        self._left = bytearray()
        """What has come in and is not given out."""
        self._looked = 0
        """So many bytes of it hold no end of a line."""
        self._came_ns = 0
        self._skipping = False
        """Within a line that is too long."""
        self._ended = False
        self._line = self._sequence = 0
        self._losses = Losses()

    @property
    def lost(self) -> Mapping[str, int]:
        """Reason -> lines that could not be read."""
        return self._losses.counts

    @property
    def awaited(self) -> bool:
        """True for standard input: a person may think for as long as they like before they type."""
        return self.live

    def read(self, timeout_s: float | None = None) -> Text | None:
        """The next line that holds a text; None at the end.

        Raises:
            SourceTimeout: none came within `timeout_s` seconds.
            SourceLost: it cannot be read any more; it is UTF-16; or it has ended, and no line of it was UTF-8.
            InputError: this process was forked after the source was opened.
        """
        self._life.check_process()
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with self._gate as open_:
            while open_():
                line = self._next_line()
                text = None if line is None else self._understood(line)
                if text is not None:
                    return text
                if line is None and self._ended:
                    self._check_end()
                    return None
                if line is None and self._wait(until):
                    self._fetch()
        return None

    def close(self) -> None:
        """Ends a read that waits; may be called twice, and from any thread."""
        self._life.close(self._end)

    def _end(self) -> None:
        self._gate.shut()
        self._gate.free(CLOSE_S)

    def _wait(self, until: float | None) -> bool:
        """Whether there is something to read; False where nothing has come yet.

        Raises:
            SourceTimeout: the time is over.
        """
        if not self.live:
            return True
        left = _POLL_S if until is None else min(_POLL_S, until - time.monotonic())
        if select.select([self._number], [], [], max(0.0, left))[0]:
            return True
        if until is not None and time.monotonic() >= until:
            raise SourceTimeout(f"{self.uri}: no line came in time")
        return False

    def _fetch(self) -> None:
        try:
            chunk = os.read(self._number, _CHUNK)
        except OSError as error:
            raise SourceLost(f"{self.uri} cannot be read any more: {error.strerror}") from error
        self._came_ns = self._now_ns()
        self._ended = not chunk
        if not (self._line or self._left) and chunk.startswith(_UTF_16):
            raise SourceLost(
                f"{self.uri} is UTF-16: expected UTF-8. Save it so, as by `iconv -f UTF-16 -t UTF-8`"
            )
        self._left += chunk

    def _next_line(self) -> bytes | None:
        """The next line, without its end; None where there is no whole one yet."""
        at = self._left.find(b"\n", self._looked)
        if at < 0 and not (self._ended and (self._left or self._skipping)):
            self._looked = len(self._left)
            if self._looked > MAX_LINE:
                self._skipping = True
                self._left.clear()
                self._looked = 0
            return None
        size = len(self._left) if at < 0 else at
        line = bytes(self._left[:size])
        del self._left[: size + 1]
        self._looked = 0
        self._line += 1
        if self._skipping or size > MAX_LINE:
            self._skipping = False
            self._lose("too-long", f"has more than {MAX_LINE} bytes")
            return b""
        return line

    def _understood(self, line: bytes) -> Text | None:
        """None where it holds no text."""
        try:
            text = line.decode("utf-8-sig" if self._line == 1 else "utf-8").rstrip("\r")
        except UnicodeDecodeError:
            self._lose("not-utf8", "is not UTF-8")
            return None
        if not text.strip():
            return None
        second: str | None = None
        if self._pair:
            text, tab, second = text.partition("\t")
            if not (tab and text.strip() and second.strip()):
                self._lose("no-pair", "is not two texts with a tab between them")
                return None
        now_ns = self._came_ns if self.live else self._now_ns()
        sequence, self._sequence = self._sequence, self._sequence + 1
        return Text(text, now_ns, sequence, second, f"{self._name}:{self._line}")

    def _lose(self, reason: str, said: str) -> None:
        self._losses.add(reason, 1, f"{self.uri}: line {self._line} {said}")

    def _check_end(self) -> None:
        """Raises:
        SourceLost: nothing in it was text.
        """
        if not self._sequence and self._losses.counts:
            raise SourceLost(
                f"{self.uri}: none of its {self._line} lines can be read "
                f"({', '.join(f'{reason} {count}' for reason, count in self._losses.counts.items())}). Expected UTF-8"
            )
