"""MACs as they are counted, against sums by hand."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edgemm.quantize.prune.modules.counting import count_macs, count_parameters, onnx_bytes  # noqa: E402

LSTM = 5 * 2 * (4 * 16 * (8 + 16) + 4 * 16 * (32 + 16))
ATTENTION = 6 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 6 * 6 * 16


@pytest.mark.parametrize(
    ("module", "x", "macs"),
    [
        (nn.Conv2d(8, 16, 3, groups=4), torch.randn(1, 8, 6, 6), 16 * 4 * 4 * 2 * 9),
        (nn.ConvTranspose2d(8, 16, 4, 2, 1), torch.randn(1, 8, 6, 6), 36 * 8 * 16 * 16),
        (nn.Linear(8, 4), torch.randn(3, 8), 3 * 8 * 4),
        (nn.LSTM(8, 16, 2, bidirectional=True), torch.randn(5, 1, 8), LSTM),
        (nn.GRU(8, 16), torch.randn(5, 1, 8), 5 * 3 * 16 * 24),
        (nn.RNN(8, 16), torch.randn(5, 1, 8), 5 * 16 * 24),
        (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), torch.randn(1, 6, 16), ATTENTION),
    ],
)
def test_macs(module: Any, x: Any, macs: int) -> None:
    module.train()
    assert count_macs(module, (x,)) == macs
    assert module.training


def test_a_shared_parameter_counts_once() -> None:
    one = nn.Linear(4, 4)
    assert count_parameters(nn.Sequential(one, one)) == 20


def test_the_file_holds_the_weights() -> None:
    assert 4 * 64 * 64 < onnx_bytes(nn.Linear(64, 64), (torch.randn(1, 64),)) < 4 * 64 * 64 + 4000
