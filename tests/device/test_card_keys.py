"""Misspelt keys: refused where a card is written, warned of where it is loaded."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import edgemm
from edgemm.artifact import write_artifact
from edgemm.card import ModelCard
from edgemm.card_keys import refuse_unknown, unknown_keys, without_help
from edgemm.errors import CardError

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


def card(**content: Any) -> ModelCard:
    return ModelCard.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"lables": ["a"]}, "card.lables: is not a key of the card itself. Did you mean 'labels'?"),
        ({"Labels": ["a"]}, "card.Labels: is not a key of the card itself. Did you mean 'labels'?"),
        (
            {"inputs": [{}, {"image": {"maen": [0.5]}}]},
            "card.inputs[1].image.maen: is not a key of image, in an entry of inputs. Did you mean 'mean'?",
        ),
        (
            {"inputs": [{"audio": {"sample-rate": 8000}}]},
            "card.inputs[0].audio.sample-rate: is not a key of audio, in an entry of inputs. "
            "Did you mean 'sample_rate'?",
        ),
        (
            {"inputs": [{"mean": [0.5]}]},
            "card.inputs[0].mean: is not a key of an entry of inputs. It belongs into image, in an entry of inputs",
        ),
        ({"outputs": [{"decoding": "raw"}]}, "card.outputs[0].decoding: is not a key of an entry of outputs. "
         "Did you mean 'decode'?"),
        ({"keyword": {"treshold": 1}}, "card.keyword.treshold: is not a key of keyword. Did you mean 'threshold'?"),
        (
            {"states": [{"output": "a", "input": "b", "zzz": 1}]},
            "card.states[0].zzz: is not a key of an entry of states",
        ),
        ({"owner": "me"}, "card.owner: is not a key of the card itself"),
    ],
)  # fmt: skip
def test_each_unknown_key_is_named_with_what_was_meant(content: dict[str, Any], sentence: str) -> None:
    assert unknown_keys(card(**content)) == (sentence,)
    with pytest.raises(CardError, match=r"Correct it, or begin it with 'x-'"):
        refuse_unknown(card(**content))


def test_keys_of_ones_own_and_free_sections_are_let_be() -> None:
    own = {"x-owner": "me", "quantization": {"anything": 1}, "fidelity": {"lables": 2}}
    kept = card(**own, inputs=[{"x-note": 1, "image": {"x-y": {}}}])
    refuse_unknown(kept)
    assert kept.to_dict()["x-owner"] == "me"


def test_no_more_than_three_are_named() -> None:
    with pytest.raises(CardError, match=r"card\.a: .*card\.c: .*\(2 more like this\)"):
        refuse_unknown(card(a=1, b=2, c=3, d=4, e=5))


def test_help_is_left_out_and_notes_stay() -> None:
    helped = card(**{"x-help": {"name": "..."}, "x-a": 1}, inputs=[{"x-help": {}, "image": {"x-guessed": 1}}])
    assert without_help(helped) == card(**{"x-a": 1}, inputs=[{"image": {}}])


def test_loading_such_a_card_warns_once_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "total.onnx"
    write_artifact(path, (ASSETS / "total.onnx").read_bytes(), card(lables=["a"], **{"x-mine": 1}))
    with caplog.at_level(logging.WARNING, "edgemm"):
        for _ in range(2):
            edgemm.load(path).close()
    (said,) = [each.getMessage() for each in caplog.records]
    assert "total.onnx: card.lables: is not a key of the card itself. Did you mean 'labels'?" in said


def test_a_card_that_is_given_warns_too(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING, "edgemm"),
        edgemm.load(ASSETS / "total.onnx", card={"tsak": "tensors"}) as model,
    ):
        assert model.card.task == "tensors"
    assert "Did you mean 'task'?" in caplog.text
