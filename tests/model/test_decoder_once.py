"""A decoder is opened once where a model is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs

import edgemm
from edgemm import data
from edgemm.artifact.file import read_artifact
from edgemm.errors import CardError, InputError
from edgemm.foreign import ForeignCard
from edgemm.model import load as loading
from edgemm.model import model as modelling
from edgemm.onnx_runtime import onnx_runtime
from edgemm.tasks import open_decoder

pytestmark = pytest.mark.device
needs(onnx_runtime)
DIGITS: Path = data.path("models/digits.onnx")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The cards that one was opened for, so far."""
    found: list[Any] = []
    true = open_decoder

    def noted(card: Any, specs: Any) -> Any:
        found.append(card)
        return true(card, specs)

    monkeypatch.setattr(loading, "open_decoder", noted)
    monkeypatch.setattr(modelling, "open_decoder", noted)
    return found


@pytest.mark.parametrize("options", [{}, {"top_k": 2}])
def test_of_an_artifact(opened: list[Any], options: dict[str, Any]) -> None:
    with edgemm.load(DIGITS, **options) as model:
        assert len(model(np.zeros((28, 28), np.uint8)).to_json()["labels"]) == options.get("top_k", 1)
    assert len(opened) == 1


def test_of_a_file_that_says_what_it_is(opened: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = read_artifact(DIGITS)
    assert artifact.card is not None
    told = ForeignCard(artifact.card, "metadata", (), {})
    monkeypatch.setattr(loading, "_told", lambda artifact: told)
    monkeypatch.setattr("edgemm.artifact.read_artifact", lambda path: replace(artifact, card=None))
    monkeypatch.setattr("edgemm.artifact.trust.is_trusted", lambda artifact: True)
    with edgemm.load(DIGITS) as model:
        assert model.card.labels == artifact.card.labels
    assert len(opened) == 1


def test_whose_fault_it_is_is_told_all_the_same() -> None:
    with pytest.raises(InputError, match="top_k"):
        edgemm.load(DIGITS, top_k=0)
    with edgemm.load(DIGITS) as model:
        wrong = model.card.with_(labels=("a", "b"))
    with pytest.raises(CardError, match="labels"):
        edgemm.load(DIGITS, card=wrong, top_k=1)
