"""Attention with fewer heads against torch's own, with the missing heads silenced."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from edgemm.quantize.prune import prune  # noqa: E402
from edgemm.quantize.prune.modules.fewer_heads import FewerHeads  # noqa: E402


def pair(**options: Any) -> tuple[Any, Any]:
    """torch's attention with 4 heads, and the same with the class that may have fewer."""
    torch.manual_seed(0)
    whole = nn.MultiheadAttention(16, 4, **options).eval()
    for each in whole.parameters():
        nn.init.normal_(each, std=0.3)
    other = copy.deepcopy(whole)
    other.__class__ = FewerHeads
    return whole, other


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True},
    {"kdim": 12, "vdim": 10},
])  # fmt: skip
def test_options(options: dict[str, Any], batch_first: bool) -> None:
    whole, other = pair(batch_first=batch_first, **options)
    query, key, value = torch.randn(5, 3, 16), torch.randn(6, 3, options.get("kdim", 16)), torch.randn(
        6, 3, options.get("vdim", 16))  # fmt: skip
    given = [each.transpose(0, 1) if batch_first else each for each in (query, key, value)]
    padding = torch.zeros(3, 6, dtype=torch.bool)
    padding[1, 4:] = True
    causal = torch.ones(5, 6, dtype=torch.bool).triu(1)
    for masks in ({}, {"key_padding_mask": padding}, {"attn_mask": causal},
                  {"attn_mask": torch.randn(5, 6), "key_padding_mask": padding.float() * -1e9},
                  {"attn_mask": torch.randn(12, 5, 6)}):  # fmt: skip
        for averaged in (True, False):
            wanted = whole(*given, average_attn_weights=averaged, **masks)
            found = other(*given, average_attn_weights=averaged, **masks)
            torch.testing.assert_close(found[0], wanted[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found[1], wanted[1], rtol=1e-4, atol=1e-5)
    assert other(*given, need_weights=False)[1] is None


def test_without_a_batch() -> None:
    whole, other = pair()
    x = torch.randn(5, 16)
    mask = torch.tensor([False, False, True, False, True])
    for found, wanted in zip(
        other(x, x, x, key_padding_mask=mask), whole(x, x, x, key_padding_mask=mask), strict=True
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"add_bias_kv": True, "add_zero_attn": True}])
def test_attention_to_itself_is_projected_at_once(options: dict[str, Any], batch_first: bool) -> None:
    whole, other = pair(batch_first=batch_first, **options)
    x = torch.randn(3, 5, 16)
    masks = {"attn_mask": torch.ones(5, 5, dtype=torch.bool).triu(1)} if batch_first else {}
    for found, wanted in zip(other(x, x, x, **masks), whole(x, x, x, **masks), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    program = torch.export.export(other, (x, x, x))
    projections = [node for node in program.graph.nodes if node.target == torch.ops.aten.linear.default]
    assert len(projections) == 2  # queries, keys and values; the output


def test_dropout_while_training() -> None:
    whole, other = pair(dropout=0.4, batch_first=True)
    x = torch.randn(2, 5, 16)
    answers = []
    for each in (whole.train(), other.train()):
        torch.manual_seed(1)
        answers.append(each(x, x, x)[0])
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-5)


def test_layers_of_torch_leave_their_fast_path() -> None:
    """Without gradients torch's encoder layers call a kernel that knows attention of the full width alone."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    network = nn.Sequential(nn.TransformerEncoder(layer, 2), nn.Linear(16, 3)).eval()
    x = torch.randn(2, 5, 16)
    small = prune(network, (x,), target="macs=0.52", scope="uniform", multiple_of=1).module
    assert [each.self_attn.num_heads for each in small[0].layers] == [2, 2]  # of odd numbers it knows none
    wanted = small(x)
    with torch.no_grad():
        torch.testing.assert_close(small(x), wanted, rtol=1e-4, atol=1e-5)
        padded = small[0](x, src_key_padding_mask=torch.arange(5).repeat(2, 1) > 3)
    torch.testing.assert_close(padded[:, :4], small[0](x[:, :4]), rtol=1e-4, atol=1e-5)
