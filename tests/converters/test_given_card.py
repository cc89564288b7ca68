"""The card that a conversion is given: misspelt keys are refused before anything is read, help is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.card import ModelCard
from edgemm.converters import convert
from edgemm.converters.prepare import given_card
from edgemm.errors import CardError, InputError

SOURCE = data.path("models/digits.onnx")


@pytest.mark.parametrize("form", ["file", "card"])
def test_an_unknown_key_is_refused(tmp_path: Path, form: str) -> None:
    text = json.dumps({"lables": ["a", "b"]})
    (tmp_path / "card.json").write_text(text, encoding="utf-8")
    card: Any = tmp_path / "card.json" if form == "file" else ModelCard.from_json(text)
    with pytest.raises(CardError, match=r"card\.lables: .*Did you mean 'labels'\?"):
        given_card("model.onnx", card, None)


def test_notes_stay_and_help_goes() -> None:
    card = ModelCard.from_json(json.dumps({"x-note": 1, "x-help": {"name": "text"}, "x-guessed": []}))
    found = given_card("model.onnx", card, None)
    assert found is not None
    assert found.extra == {"x-note": 1}


def test_a_card_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        given_card("model.onnx", tmp_path / "none.json", None)


def test_labels_that_do_not_fit_the_outputs_are_refused_before_any_work(tmp_path: Path) -> None:
    stages: list[str] = []
    card = read_artifact(SOURCE).card
    assert card is not None
    card = card.with_(labels=("a", "b", "c"), extra={})
    with pytest.raises(CardError, match="expected one label for each of its 10 scores, found 3 labels"):
        convert(SOURCE, output=tmp_path / "a.onnx", card=card, progress=lambda *now: stages.append(now[0]))
    assert stages == ["reading"]
