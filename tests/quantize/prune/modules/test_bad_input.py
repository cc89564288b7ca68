"""What `prune` and `sensitivity` refuse with a sentence, before or while they work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edgemm.errors import InputError  # noqa: E402
from edgemm.quantize.prune import prune, sensitivity  # noqa: E402

INPUTS = (torch.zeros(1, 1, 8, 8),)
PICTURES, CLASSES = torch.ones(8, 1, 8, 8), torch.zeros(8, dtype=torch.long)


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.Flatten(), nn.Linear(16 * 16, 4)
    ).eval()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"target": None}, "expected a Target or a text"),
        ({"target": 0.5}, "found float"),
        ({"keep": [3]}, "list of layer names"),
        ({"keep": 3}, "list of layer names"),
        ({"importance": "taylor", "data": [(PICTURES, CLASSES + 9)]}, "labels of 0..3, found 9..9"),
        ({"importance": "taylor", "data": [(PICTURES, CLASSES - 1)]}, "found -1..-1"),
        ({"importance": "taylor", "data": [(PICTURES.numpy(), CLASSES)]}, "torch.from_numpy"),
        ({"importance": "taylor", "data": [(PICTURES * np.nan, CLASSES)]}, "inputs have NaN"),
        (
            {"importance": "taylor", "data": [(PICTURES, CLASSES)], "loss": lambda m, b: 3},
            "expected a tensor of one number, found int",
        ),
        ({"importance": "taylor", "data": [PICTURES]}, "needs labels"),
        ({"target": "ms=1", "measure": lambda module: None}, "found None"),
        ({"target": "ms=1", "measure": lambda module: float("nan")}, "a number above 0, found nan"),
        ({"target": "ms=1", "measure": lambda module: -1.0}, "found -1.0"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(words: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        prune(network(), INPUTS, **{"target": "macs=0.6", **words})


@pytest.mark.parametrize(
    "score", [None, lambda module: "good", lambda module: float("nan"), lambda module: torch.ones(2)]
)
def test_a_score_that_is_no_number_is_refused(score: Any) -> None:
    with pytest.raises(InputError, match="score: expected a"):
        sensitivity(network(), INPUTS, score)


@pytest.mark.parametrize("number", [np.float32(3.0), torch.tensor(3.0), 3])
def test_numbers_of_all_kinds_are_scores(number: Any) -> None:
    assert sensitivity(network(), INPUTS, lambda module: number).score == 3.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_an_exported_program_is_pruned_or_refused_with_a_reason() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory, self.end = nn.LSTM(6, 32, batch_first=True), nn.Linear(32, 4)

        def forward(self, sequence: Any) -> Any:
            return self.end(self.memory(sequence)[0][:, -1])

    program = torch.export.export(network(), INPUTS).module()
    assert prune(program, INPUTS, target="macs=0.6").report.left("macs") <= 0.6
    sequence = (torch.zeros(1, 10, 6),)
    with pytest.raises(InputError, match="nothing can be removed"):
        prune(torch.export.export(Recurrent().eval(), sequence).module(), sequence, target="macs=0.6")
