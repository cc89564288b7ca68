"""The survey's five models, as it writes them, with seeded weights: converted to both formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from survey_networks import (
    CNN,
    GAN,
    NOISE,
    RNN,
    SIDE,
    Discriminator,
    Generator,
    LSTMText,
    TransformerText,
)
from torch import Tensor, nn

import edgemm
from edgemm.converters import convert

WORDS, LENGTH, LANGUAGES = 50, 12, 4


def _noise() -> Tensor:
    return torch.randn(1, NOISE, 1, 1)


def _text() -> Tensor:
    return torch.randint(0, WORDS, (1, LENGTH))


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "cnn": (CNN, lambda: torch.rand(1, 1, SIDE, SIDE)),
    "rnn": (RNN, lambda: torch.rand(1, SIDE, SIDE)),
    "lstm": (lambda: LSTMText(WORDS, LANGUAGES), _text),
    "transformer": (lambda: TransformerText(WORDS, LANGUAGES, LENGTH), _text),
    "generator": (Generator, _noise),
    "gan": (lambda: GAN(Generator(), Discriminator()), _noise),
}


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_of_the_survey_converts(tmp_path: Path, name: str, suffix: str) -> None:
    make, draw = MODELS[name]
    torch.manual_seed(0)
    module = make().eval()
    known: list[Any] = [draw().numpy() for _ in range(24)]
    path = tmp_path / f"{name}.{suffix}"
    done = convert(module, (draw(),), output=path, calibrate=known, gate="off", prefer="size")
    assert done.scheme in (("dynamic",) if name in ("rnn", "lstm", "transformer") else ("static", "mixed"))
    enough = (
        20 if name == "generator" else 28
    )  # dB; untrained, its pictures are grey: few steps of Tanh's grid
    assert min(each.snr_db for each in done.fidelity.outputs) > enough
    with edgemm.load(path) as model:
        assert all(outcome.ok for outcome in model.replay_goldens())
