"""The card that a conversion is given: misspelt keys are refused before anything is read, help is left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

from edgemm import data
from edgemm.artifact import read_artifact, replace_card
from edgemm.card import ModelCard
from edgemm.converters import convert
from edgemm.converters.source_card import given_card
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


@pytest.mark.parametrize("ending", ["onnx", "tflite"])
def test_the_history_of_the_source_goes_on_with_whatever_card(tmp_path: Path, ending: str) -> None:
    card = read_artifact(SOURCE).card
    assert card is not None
    made = tmp_path / "small.onnx"
    shutil.copy(SOURCE, made)
    replace_card(made, card.after("pruned", {"macs": 0.5}, "a" * 64))
    convert(made, output=tmp_path / f"a.{ending}", scheme="dynamic", gate="off")
    other = card.with_(name="other", extra={})
    convert(made, output=tmp_path / f"b.{ending}", scheme="dynamic", gate="off", card=other)
    for name in ("a", "b"):
        kept = read_artifact(tmp_path / f"{name}.{ending}").card
        assert kept is not None
        assert [(each.step, each.details, each.source_sha256) for each in kept.history] == [
            ("pruned", {"macs": 0.5}, "a" * 64)
        ]


def test_a_damaged_card_of_the_source_does_not_stand_in_the_way_of_another(tmp_path: Path) -> None:
    source = onnx.load(SOURCE)
    source.metadata_props[1].value = "{"
    onnx.save(source, tmp_path / "a.onnx")
    given = given_card(tmp_path / "a.onnx", ModelCard(name="other"), None)
    assert given is not None
    assert (given.name, given.history) == ("other", ())
