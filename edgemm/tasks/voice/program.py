"""Phonemes of a program that is installed beside edgemm, and runs in a process of its own.

Only programs of this table are called: what a bundle says never becomes a command. The text goes through the standard
input, so that no list of processes shows it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata

from edgemm.errors import InputError, MissingDependency

TIMEOUT_S = 10.0
"""For one clause."""
MOST_BYTES = 1 << 20
"""Of an answer."""
PROGRAMS = {
    "espeak-ng": ("-q", "--ipa", "--stdin", "-v"),
    "espeak": ("-q", "--ipa", "--stdin", "-v"),
}
"""Name -> arguments before the voice."""
_CLAUSE = re.compile(r"([.,;:!?…—]+)")
_MARKS = re.compile(r"\([a-z-]+\)|[_\u200b-\u200d]")
"""What the program says about languages, and joints within phonemes."""


class Program:
    """One of `PROGRAMS`.

    Raises:
        MissingDependency: it is not installed.
    """

    def __init__(self, name: str, voice: str) -> None:
        path = shutil.which(name)
        if path is None:
            raise MissingDependency(
                f"{name} (the program that gives this voice its phonemes)", command=f"sudo apt install {name}"
            )
        self._name, self._command = name, [path, *PROGRAMS[name], voice]

    def phonemes(self, sentence: str) -> str:
        """The phonemes of a sentence, decomposed (NFD), with its punctuation between them.

        Raises:
            InputError: the program failed, did not answer in time, or answered too much.
        """
        said = []
        for at, part in enumerate(_CLAUSE.split(sentence)):
            if at % 2:
                said.append(f"{part[0]} ")
            elif part.strip():
                said.append(self._ask(part.strip()))
        return unicodedata.normalize("NFD", "".join(said)).strip()

    def _ask(self, clause: str) -> str:
        try:
            done = subprocess.run(
                self._command,
                input=f"{clause}\n".encode(),
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{self._name}: expected phonemes within {TIMEOUT_S:g} s, found none") from error
        except OSError as error:
            raise InputError(f"{self._name}: cannot be started ({error.strerror})") from error
        if done.returncode or len(done.stdout) > MOST_BYTES:
            raise InputError(
                f"{self._name}: expected phonemes, found exit status {done.returncode} and {len(done.stdout)} bytes. "
                f"Try it by itself: echo hello | {' '.join(self._command)}"
            )
        return " ".join(_MARKS.sub("", done.stdout.decode("utf-8", "replace")).split())
