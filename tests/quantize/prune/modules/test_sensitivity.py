"""Each width alone, and the page of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edgemm.cli.sensitivity_page import write_page  # noqa: E402
from edgemm.errors import InputError  # noqa: E402
from edgemm.quantize.prune import sensitivity  # noqa: E402

INPUTS = (torch.ones(1, 3, 8, 8),)


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Conv2d(32, 4, 3)
    ).eval()


def total_weights(module: Any) -> float:
    return float(sum(each.numel() for each in module.parameters()))


def test_each_width_is_pruned_alone() -> None:
    found = sensitivity(network(), INPUTS, total_weights)
    assert [(each.layers, each.after) for each in found.points] == [
        (("0",), 8), (("2",), 24), (("2",), 16), (("2",), 8),
    ]  # fmt: skip
    assert found.score == total_weights(network())
    one = found.points[0]
    assert one.score == found.score - 8 * (3 * 9 + 1) - 8 * 32 * 9
    assert one.macs == (8 * 27 * 36 + 32 * 8 * 9 * 16 + 4 * 32 * 9 * 4) / (
        16 * 27 * 36 + 32 * 16 * 9 * 16 + 4 * 32 * 9 * 4
    )


def test_the_page_has_a_bar_for_each_point(tmp_path: Path) -> None:
    found = sensitivity(network(), INPUTS, total_weights)
    write_page(tmp_path / "page.html", found)
    text = (tmp_path / "page.html").read_text()
    assert text.count("<rect") == len(found.points)
    assert "8 of 16, " in text
    assert "src=" not in text


@pytest.mark.parametrize("fractions", [(), (0.0,), (1.0,), (2,)])
def test_fractions_out_of_range_are_refused(fractions: Any) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        sensitivity(network(), INPUTS, total_weights, fractions=fractions)
