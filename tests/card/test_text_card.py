"""What a card may say of text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgemm.card import InputCard, ModelCard, TextRecipe
from edgemm.card.fit import text_shapes
from edgemm.errors import CardError

pytestmark = pytest.mark.device
IDS = {"name": "ids", "modality": "text", "role": "ids", "text": {"tokenizer": "bytes"}}
MASK = {"name": "mask", "modality": "text", "role": "mask"}


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """A card needs no runtime."""


def read(*inputs: dict[str, Any]) -> ModelCard:
    return ModelCard.from_json(json.dumps({"inputs": inputs}))


def test_roles_and_recipe_come_back() -> None:
    card = read(IDS, MASK)
    assert [each.role for each in card.inputs] == ["ids", "mask"]
    assert card.inputs[0].text == TextRecipe(tokenizer="bytes")
    assert ModelCard.from_json(card.to_json()) == card


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ((IDS, IDS), r"inputs\[1\].role: expected one input of role ids, found two"),
        ((MASK,), "expected one of role ids beside mask"),
        (({"modality": "text"},), r"inputs\[0\].role: expected ids, mask or types"),
        (({"modality": "tensor", "role": "mask"},), r"inputs\[0\].role: expected ids, mask or types"),
        (({"modality": "text", "role": "ids"},), r"inputs\[0\].text: expected how a text becomes tokens"),
        (
            (IDS, MASK | {"text": {"tokenizer": "bytes"}}),
            r'inputs\[1\].text: .* found one with "role": "mask"',
        ),
    ],
)
def test_roles_that_fill_no_text(inputs: Any, said: str) -> None:
    with pytest.raises(CardError, match=said):
        read(*inputs)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"tokenizer": "bytes", "vocabulary": "v.txt"}, "text.vocabulary: expected none with bytes"),
        ({"vocabulary": "t.json", "offset": 1}, "text.offset: has no effect with json"),
        ({"vocabulary": "t.json", "after": [1]}, "text.after: has no effect with json"),
        ({"vocabulary": "t.json", "lowercase": True}, "text.lowercase: has no effect with json"),
        ({"tokenizer": "bytes", "sha256": "ab"}, "text.sha256: expected 64"),
        ({"tokenizer": "bytes", "ids": 300, "pad": 300}, "text.pad: expected ids below 300"),
        ({"tokenizer": "bytes", "ids": 300, "before": [1, 999]}, "text.before: expected ids below 300"),
        ({"tokenizer": "bytes", "before": [-1]}, "text.before"),
        ({"tokenizer": "letters"}, "text.tokenizer: expected one of"),
        ({"tokenizer": "bytes", "length": 1 << 17}, "text.length: expected 0 to 65536"),
    ],
)
def test_recipes_that_fit_nothing(text: Any, said: str) -> None:
    with pytest.raises(CardError, match=said):
        read(IDS | {"text": text})


def test_the_recipe_tells_the_shapes_of_all_roles() -> None:
    recipe = TextRecipe(tokenizer="bytes", length=32)
    cards = (
        InputCard("a", "text", role="ids", text=recipe),
        InputCard("b", "text", role="mask"),
        InputCard("c"),
    )
    assert text_shapes(cards) == {"a": (1, 32), "b": (1, 32)}
    assert text_shapes((InputCard("a", "text", role="ids", text=TextRecipe(tokenizer="bytes")),)) == {}
