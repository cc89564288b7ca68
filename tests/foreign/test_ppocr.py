"""PP-OCR's alphabet."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_models import image, onnx, real

from edgemm.foreign import ForeignCard, foreign_card


def card(folder: Path, scores: int, alphabet: str = "a\nb\n\u3000\n'") -> ForeignCard | None:
    specs = [image((-1, 3, 48, -1))], [real("softmax", -1, -1, scores)]
    return foreign_card(onnx(folder / "rec.onnx", *specs, {"character": alphabet}))


@pytest.mark.parametrize(
    ("scores", "labels"),
    [(6, ("blank", "a", "b", "\u3000", "'", " ")), (5, ("blank", "a", "b", "\u3000", "'")), (9, ())],
)
def test_a_label_for_each_score(tmp_path: Path, scores: int, labels: tuple[str, ...]) -> None:
    found = card(tmp_path, scores)
    assert found is not None
    assert (found.origin, found.content["task"], found.card.labels) == ("PP-OCR", "tensors", labels)


@pytest.mark.parametrize("alphabet", ["", "Mario", "a sentence of some length\nand another"])
def test_another_character(tmp_path: Path, alphabet: str) -> None:
    """The key is a plain word, which others use for other things."""
    assert card(tmp_path, 6, alphabet) is None


def test_controls_are_taken_out(tmp_path: Path) -> None:
    found = card(tmp_path, 4, "a\n\u0007b")
    assert found is not None
    assert found.card.labels == ("blank", "a", "b", " ")
