"""What the machine lacks at the moment: memory, descriptors, processes, disk. Never the fault of a file or a package.

Native libraries, Python's import system and numpy wrap such errors in others ("ImportError: Unable to import
required dependencies"), so the whole chain of an error is searched, by number and by the C library's own words.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from edgemm.errors import MachineShortage

_SENTENCES = {
    errno.EMFILE: "this process has no free file descriptor. Close what it has open, or raise `ulimit -n`",
    errno.ENFILE: "the system has no free file descriptor. Close programs, or raise fs.file-max",
    errno.ENOMEM: "there is not enough memory. Close other programs, or raise the limit (`ulimit -v`, MemoryMax=)",
    errno.EAGAIN: "no further process or thread may be started. Close programs, or raise `ulimit -u` (TasksMax=)",
    errno.ENOSPC: "the disk is full. Delete files, or point TMPDIR to a folder with space",
    errno.EDQUOT: "the disk quota is used up. Delete files, or point TMPDIR to a folder with space",
}
"""Number of a system error -> what it means and what to do."""
_WORDS = {
    **{os.strerror(number).lower(): number for number in _SENTENCES if number != errno.EAGAIN},
    "no usable temporary directory": errno.ENOSPC,
    "bad_alloc": errno.ENOMEM,
    "failed to map segment from shared object": errno.ENOMEM,
    "can't start new thread": errno.EAGAIN,
}

_OTHER = ("static tls block", "operation not permitted", "permission denied")
"""Another reason with the same beginning: libraries that exclude each other, a file system without execution."""


def shortage(error: BaseException) -> str:
    """A sentence on what the machine lacks, where that is the reason for the error; else ""."""
    for each in _chain(error):
        if isinstance(each, MachineShortage):
            return str(each)
        if isinstance(each, MemoryError):
            return _SENTENCES[errno.ENOMEM]
        if isinstance(each, OSError) and each.errno in _SENTENCES:
            return _SENTENCES[each.errno]
        found = shortage_in(str(each))
        if found:
            return found
    return ""


def shortage_in(text: str) -> str:
    """A sentence on what the machine lacks, where a text says so in the words of the C library; else ""."""
    said = text.lower()
    if any(words in said for words in _OTHER):
        return ""
    return next((_SENTENCES[number] for words, number in _WORDS.items() if words in said), "")


def has_room(megabytes: int) -> bool:
    """Whether this process can have so much more memory: a trial, which touches none of it and gives it back at once.

    For what does not fail but crashes, or tells something else, when there is less.
    """
    try:
        bytes(megabytes << 20)  # zeros, which the C library maps and nobody writes
    except MemoryError:
        return False
    return True


def no_memory() -> str:
    """The sentence on memory."""
    return _SENTENCES[errno.ENOMEM]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from or during."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting.extend(next_ for next_ in (each.__cause__, each.__context__) if next_ is not None)
