"""Trains the network: forty minutes on two cores at most, and a training that was stopped goes on where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.translation.sentences import (
    END,
    PAD,
    UNKNOWN,
    VOCABULARY,
    Batches,
    Pairs,
    make_tokenizer,
    pairs,
)
from edgemm.quantize.training import Settings, train

EPOCHS = 8
LEARNING_RATE = 1.5e-3
SMOOTHING = 0.1
SEED = 0


def tokenizer(folder: Path, data: Path) -> Any:
    """The sentencepiece model in `folder`, which is made where there is none."""
    import sentencepiece

    file = folder / "tokens.model"
    if not file.exists():
        make_tokenizer(pairs(data, "train"), file)
    return sentencepiece.SentencePieceProcessor(model_file=str(file))


def encoded(known: Pairs, tokens: Any) -> tuple[list[list[int]], list[list[int]]]:
    """Ids of the English sentences, END last, and of the German ones."""
    return [[*ids, END] for ids in tokens.encode(list(known.english))], tokens.encode(list(known.german))


def network() -> Any:
    """Untrained: three layers on each side, seven million weights."""
    import torch
    from translation_network import Sizes, Translation

    torch.manual_seed(SEED)
    return Translation(
        Sizes(source_words=VOCABULARY, target_words=VOCABULARY, longest=128, dropout=0.15, shared=True)
    )


def loss(found: Any, due: Any) -> Any:
    """Cross entropy of the tokens that are due, some of it spread over all others."""
    from torch.nn import functional as F

    return F.cross_entropy(
        found.flatten(0, 1).float(), due.flatten(), ignore_index=PAD, label_smoothing=SMOOTHING
    )


def trained(folder: Path, data: Path, *, epochs: int = EPOCHS, threads: int = 2) -> Any:
    """The network, trained; `folder` keeps its vocabulary and where the training is."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = tokenizer(folder, data)
    sources, targets = encoded(pairs(data, "train"), tokens)
    assert not any(UNKNOWN in ids for ids in targets)
    made = network()
    settings = Settings(
        epochs=epochs, optimizer="adamw", learning_rate=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01,
        schedule="one_cycle", warm_up=0.15, clip_norm=1.0, precision="bfloat16", seed=SEED, threads=threads,
    )  # fmt: skip
    batches = Batches(sources, targets, SEED)
    train(made, batches, loss=loss, settings=settings, checkpoint=folder / "training.pt")
    return made.eval()
