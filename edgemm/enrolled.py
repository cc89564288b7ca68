"""Who is who: the voices (or faces, or whatever a model makes embeddings of) that have a name, in a small file.

    voices = Enrolled(threshold=0.63)
    voices.enrol("anna", [model(each, sample_rate=16000) for each in recordings])
    voices.save("voices.json")
    voices.identify(model(sound, sample_rate=16000))        -> Identity("anna", 0.81, detected=True)
    voices.verify("anna", model(sound, sample_rate=16000))  -> Identity("anna", 0.81, detected=True)

The threshold comes from `edgemm.judge.fit_threshold`. What is in the file stands for people's bodies: keep it as such.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm import atomic, strict_json
from edgemm.choices import hint
from edgemm.errors import InputError
from edgemm.results import Embedding, Identity

SCHEMA = "edgemm.enrolled/1"
MAX_BYTES = 64 << 20
"""Of the file: some ten thousand voices."""
MAX_NAME = 200
"""Characters."""


class Enrolled:
    """Names, each with the mean of several embeddings of length 1. For one thread at a time."""

    def __init__(self, threshold: float, model: str = "") -> None:
        """Nobody is enrolled.

        Args:
            threshold: -1..1, the similarity from which on somebody is recognised.
            model: what made the embeddings, such as the SHA-256 of its file; another one is refused when it is compared
                (`require_model`). "" where nobody keeps track.

        Raises:
            InputError: the threshold is out of range.
        """
        if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not -1 <= threshold <= 1:
            raise InputError(f"threshold: expected a similarity, -1 to 1, found {threshold!r}")
        self.threshold, self.model = float(threshold), model
        self._voices: dict[str, tuple[npt.NDArray[np.float32], int]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Who is enrolled, in the order in which they were."""
        return tuple(self._voices)

    def __len__(self) -> int:
        return len(self._voices)

    def enrol(self, name: str, embeddings: Sequence[Embedding]) -> None:
        """Keeps the mean of these embeddings, each brought to length 1 first; one of that name is replaced.

        Raises:
            InputError: no name; no embeddings; or one that is not finite, all zeros, or of another length.
        """
        if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME or not name.isprintable():
            raise InputError(
                f"name: expected 1 to {MAX_NAME} characters that can be printed, found {name!r:.300}"
            )
        if not len(embeddings):
            raise InputError(f"{name}: expected at least one embedding, found none")
        rows = [self._normal(each, name) for each in embeddings]
        for each in rows:
            self._require_length(each.size, rows[0].size, besides=name)
        mean = np.mean(rows, axis=0)
        length = float(np.linalg.norm(mean))
        if length < 1e-6:
            raise InputError(
                f"{name}: the embeddings cancel each other out: they are not of one and the same"
            )
        self._voices[name] = (mean / length).astype(np.float32), len(rows)

    def remove(self, name: str) -> None:
        """Forgets somebody.

        Raises:
            InputError: nobody of that name is enrolled.
        """
        self._require(name)
        del self._voices[name]

    def verify(self, name: str, embedding: Embedding) -> Identity:
        """Whether it is the one of that name.

        Raises:
            InputError: nobody of that name is enrolled, or the embedding does not fit.
        """
        self._require(name)
        return self._identity(name, float(self._voices[name][0] @ self._given(embedding)))

    def identify(self, embedding: Embedding) -> Identity:
        """Who it is, of all that are enrolled: the nearest, where that is near enough.

        Raises:
            InputError: nobody is enrolled, or the embedding does not fit.
        """
        if not self._voices:
            raise InputError("identify: expected somebody to be enrolled, found nobody")
        own = self._given(embedding)
        similarities = [float(voice @ own) for voice, _ in self._voices.values()]
        best = int(np.argmax(similarities))
        return self._identity(self.names[best], similarities[best])

    def require_model(self, model: str) -> None:
        """Returns where the embeddings are of this model, or nobody keeps track.

        Raises:
            InputError: they are of another one, whose embeddings have nothing to do with this one's.
        """
        if self.model and model and self.model != model:
            raise InputError(
                f"enrolled: expected the model {self.model[:16]} that made these embeddings, found {model[:16]}. Enrol "
                "again with this one"
            )

    def save(self, path: str | Path) -> None:
        """Writes the file.

        Raises:
            OSError: it cannot be written.
        """
        content = {
            "schema": SCHEMA,
            "model": self.model,
            "threshold": self.threshold,
            "enrolled": {
                name: {"vector": [float(f"{each:.7g}") for each in voice], "of": count}
                for name, (voice, count) in self._voices.items()
            },
        }
        atomic.write(path, [json.dumps(content, ensure_ascii=False).encode()])

    @staticmethod
    def load(path: str | Path) -> Enrolled:
        """Reads the file.

        Raises:
            InputError: it is no such file, or cannot be read; says what is wrong.
        """
        try:
            with Path(path).open("rb") as file:
                content = strict_json.parse(file.read(MAX_BYTES + 1), MAX_BYTES)
            return _read(content)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be read ({error.strerror}). Expected a file that Enrolled.save wrote"
            ) from error
        except (ValueError, KeyError, TypeError, InputError) as error:
            raise InputError(f"{path}: expected a file that Enrolled.save wrote: {error}") from error

    def _require(self, name: str) -> None:
        if not isinstance(name, str):
            raise InputError(f"name: expected a str, found {type(name).__name__}")
        if name not in self._voices:
            known = ", ".join(self.names[:10]) or "nobody"
            raise InputError(
                f"name: expected one that is enrolled ({known}), found {name!r:.300}{hint(str(name), self.names)}"
            )

    def _given(self, embedding: Embedding) -> npt.NDArray[np.float64]:
        if isinstance(embedding, Embedding) and not np.any(embedding.vector):
            return np.zeros(np.size(embedding.vector))  # like nobody
        row = self._normal(embedding, "the embedding")
        self._require_length(row.size, next(iter(self._voices.values()))[0].size)
        return row

    def _normal(self, embedding: Embedding, what: str) -> npt.NDArray[np.float64]:
        if not isinstance(embedding, Embedding):
            raise InputError(
                f"{what}: expected an Embedding, as models give, found {type(embedding).__name__}"
            )
        row = np.asarray(embedding.vector, np.float64).reshape(-1)
        length = float(np.linalg.norm(row))
        if not 0 < length < np.inf:
            raise InputError(f"{what}: expected finite numbers, not all of them 0")
        return row / length

    def _require_length(self, found: int, expected: int, besides: str = "") -> None:
        sizes = {voice.size for name, (voice, _) in self._voices.items() if name != besides} | {expected}
        if sizes != {found}:
            others = ", ".join(map(str, sorted(sizes - {found})))
            raise InputError(
                f"embedding: expected {others} numbers as those that are enrolled, found {found}. Compare those of one "
                "model"
            )

    def _identity(self, name: str, similarity: float) -> Identity:
        similarity = min(1.0, max(-1.0, similarity))
        return Identity(name, similarity, similarity >= self.threshold)


def _read(content: Any) -> Enrolled:
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(f'expected "schema": "{SCHEMA}"')
    model, voices = content.get("model", ""), content["enrolled"]
    if not isinstance(model, str) or not isinstance(voices, dict):
        raise InputError('expected a text under "model" and an object under "enrolled"')
    made = Enrolled(content["threshold"], model)
    for name, each in voices.items():
        count = each["of"]
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise InputError(f'{name}: expected a count of 1 or more under "of", found {count!r}')
        made.enrol(name, [Embedding(np.array(each["vector"], np.float32))])
        made._voices[name] = made._voices[name][0], count
    return made
