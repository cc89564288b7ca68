"""What is handed to a stream and is no source or no budget is said at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from needs import needs

import edgemm
from edgemm.card import ImageRecipe, InputCard, ModelCard, OutputCard
from edgemm.litert_runtime import find_litert

MODEL = Path(__file__).parents[1] / "assets" / "quadrant.tflite"
CARD = ModelCard(
    task="classification",
    inputs=(InputCard("pixels", "image", image=ImageRecipe(color="gray")),),
    outputs=(OutputCard("scores", decode="probabilities"),),
)


class Dark:
    """A source that has ended."""

    uri, modality, live = "dark", "image", False

    def read(self, timeout_s: float | None = None) -> None:
        return None


@pytest.mark.parametrize("begin", ["model", "runner"])
@pytest.mark.parametrize(
    ("source", "budget", "said"),
    [
        ("pics", None, r"found str\. Open it first: edgemm\.open_source\('pics'\)"),
        (Path("pics"), None, r"Open it first: edgemm\.open_source\("),
        (None, None, "expected an open source, as edgemm.open_source gives, found NoneType"),
        (Dark(), 33, r"budget: expected an edgemm\.Budget, found 33"),
    ],
)
def test_what_is_no_source_or_no_budget_is_refused(begin: str, source: Any, budget: Any, said: str) -> None:
    needs(find_litert)
    with edgemm.load(MODEL, card=CARD) as model, edgemm.Runner() as runner:
        ways: dict[str, Callable[[], object]] = {
            "model": lambda: model.stream(source, budget),
            "runner": lambda: runner.add("s", model, source, budget),
        }
        with pytest.raises(edgemm.InputError, match=said):
            ways[begin]()
