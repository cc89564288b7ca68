"""Pairs of sentences that describe pictures (multi30k), their tokens, and batches of pairs of like length."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgemm.quantize.training import Batch

PAD, UNKNOWN, BEGIN, END = 0, 1, 2, 3
VOCABULARY = 6000
"""Tokens of both languages together."""
IN_BATCH = 1600
"""Tokens of the longer side in a batch, filling counted in."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sentences of two languages, line by line."""

    english: tuple[str, ...]
    german: tuple[str, ...]


def pairs(folder: Path, part: str) -> Pairs:
    """Of the part "train", "val" or "test_2016_flickr"."""
    english, german = (
        tuple(gzip.decompress((folder / f"{part}.{language}.gz").read_bytes()).decode().splitlines())
        for language in ("en", "de")
    )
    assert len(english) == len(german), part
    return Pairs(english, german)


def make_tokenizer(known: Pairs, file: Path) -> None:
    """Writes the sentencepiece model of both languages."""
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*known.english, *known.german]), model_prefix=str(file.with_suffix("")),
        vocab_size=VOCABULARY, model_type="bpe", character_coverage=1.0, num_threads=1, minloglevel=2,
        pad_id=PAD, unk_id=UNKNOWN, bos_id=BEGIN, eos_id=END,
    )  # fmt: skip


class Batches:
    """Batches of pairs of like length, in an order of their own for each epoch: `edgemm.quantize.training.Data`."""

    def __init__(self, sources: Sequence[list[int]], targets: Sequence[list[int]], seed: int) -> None:
        """
        Args:
            sources: ids of each sentence, END last.
            targets: ids of each sentence, without BEGIN and END.
        """
        self._sources, self._targets, self._seed = sources, targets, seed
        lengths = np.array([max(len(s), len(t) + 1) for s, t in zip(sources, targets, strict=True)])
        self._lengths = lengths
        self._cuts = self._cut(np.argsort(lengths, kind="stable"))

    def __len__(self) -> int:
        return len(self._cuts)

    def _cut(self, order: Any) -> list[Any]:
        found, begin = [], 0
        for at in range(1, len(order) + 1):
            if at == len(order) or (at - begin + 1) * self._lengths[order[at]] > IN_BATCH:
                found.append(order[begin:at])
                begin = at
        return found

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, numbered from 0."""
        generator = np.random.default_rng((self._seed, epoch))
        cuts = self._cut(np.lexsort((generator.random(len(self._lengths)), self._lengths)))
        for at in generator.permutation(len(cuts)):
            yield self._batch(cuts[at])

    def _batch(self, chosen: Any) -> Batch:
        import torch

        source = _filled([self._sources[at] for at in chosen])
        given = _filled([[BEGIN, *self._targets[at]] for at in chosen])
        due = _filled([[*self._targets[at], END] for at in chosen])
        return Batch(
            (
                torch.from_numpy(source),
                torch.from_numpy((source != PAD).astype(np.float32)),
                torch.from_numpy(given),
            ),
            torch.from_numpy(due),
        )


def _filled(rows: Sequence[Sequence[int]]) -> Any:
    found = np.full((len(rows), max(map(len, rows))), PAD, np.int64)
    for row, ids in zip(found, rows, strict=True):
        row[: len(ids)] = ids
    return found
