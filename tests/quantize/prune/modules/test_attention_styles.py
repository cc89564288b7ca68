"""Attention as libraries write it: heads go, and what is left computes what the others computed."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgemm.converters.prepare import prepare
from edgemm.quantize.prune import prune
from edgemm.quantize.prune.modules.fused_heads import FusedHeads
from edgemm.quantize.reference import serialize

WIDE, HEADS, SIZE = 32, 4, 8
X = torch.randn(2, 6, WIDE, generator=torch.Generator().manual_seed(1))


class Vision(nn.Module):
    """As timm has it: one matrix, and a reshape to the width of the input behind."""

    def __init__(self, norms: bool = False, fused: bool = True) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.fused_attn, self.scale = HEADS, SIZE, fused, SIZE**-0.5
        self.qkv = nn.Linear(WIDE, WIDE * 3)
        self.q_norm, self.k_norm = (nn.LayerNorm(SIZE) if norms else nn.Identity() for _ in range(2))
        self.attn_drop, self.proj_drop = nn.Dropout(0.0), nn.Dropout(0.0)
        self.proj = nn.Linear(WIDE, WIDE)

    def forward(self, x: Any) -> Any:
        batch, time, wide = x.shape
        qkv = self.qkv(x).reshape(batch, time, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        q, k = self.q_norm(q), self.k_norm(k)
        if self.fused_attn:
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            x = self.attn_drop((q * self.scale @ k.transpose(-2, -1)).softmax(-1)) @ v
        return self.proj_drop(self.proj(x.transpose(1, 2).reshape(batch, time, wide)))


class OlderVision(nn.Module):
    """The size of a head is computed from the width, and there is a scale of its own."""

    def __init__(self, twice: float = 1.0) -> None:
        super().__init__()
        self.num_heads, self.scale, self.twice = HEADS, 0.5, twice
        self.qkv, self.proj = nn.Linear(WIDE, WIDE * 3, bias=False), nn.Linear(WIDE, WIDE)
        self.attn_drop = nn.Dropout(0.1)

    def forward(self, x: Any) -> Any:
        batch, time, wide = x.shape
        qkv = (
            self.qkv(x).reshape(batch, time, 3, self.num_heads, wide // self.num_heads).permute(2, 0, 3, 1, 4)
        )
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = self.attn_drop(((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1))
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, time, wide)) * self.twice


class Bert(nn.Module):
    """As Hugging Face has it: three layers, and the sizes in attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.num_attention_heads, self.attention_head_size, self.all_head_size = HEADS, SIZE, WIDE
        self.query, self.key, self.value, self.dense = (nn.Linear(WIDE, WIDE) for _ in range(4))

    def apart(self, x: Any) -> Any:
        return x.view((*x.size()[:-1], self.num_attention_heads, self.attention_head_size)).permute(
            0, 2, 1, 3
        )

    def forward(self, x: Any) -> Any:
        k, v, q = (self.apart(layer(x)) for layer in (self.key, self.value, self.query))
        mixed = (q @ k.transpose(-1, -2) / self.attention_head_size**0.5).softmax(-1) @ v
        mixed = mixed.permute(0, 2, 1, 3).contiguous()
        return self.dense(mixed.view((*mixed.size()[:-2], self.all_head_size)))


class Net(nn.Module):
    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.blocks, self.last = (
            nn.LayerNorm(WIDE),
            nn.ModuleList((make(), make())),
            nn.Linear(WIDE, 5),
        )

    def forward(self, x: Any) -> Any:
        for each in self.blocks:
            x = x + each(self.norm(x))
        return self.last(x.mean(1))


STYLES: dict[str, Callable[[], nn.Module]] = {
    "timm": Vision,
    "timm with norms, written out": lambda: Vision(norms=True, fused=False),
    "timm before 2023": OlderVision,
    "Hugging Face": Bert,
}


def with_dead_heads(make: Callable[[], nn.Module]) -> nn.Module:
    """Of each block, what heads 1 and 3 give is zero."""
    network = Net(make).eval()
    with torch.no_grad():
        for block in network.blocks:
            value, start = (block.qkv, 2 * WIDE) if hasattr(block, "qkv") else (block.value, 0)
            for head in (1, 3):
                value.weight[start + SIZE * head : start + SIZE * (head + 1)] = 0
                if value.bias is not None:
                    value.bias[start + SIZE * head : start + SIZE * (head + 1)] = 0
    return network


@pytest.mark.parametrize("style", STYLES)
def test_dead_heads_go_and_nothing_else_changes(style: str) -> None:
    network = with_dead_heads(STYLES[style])
    pruned = prune(network, (X,), target="macs=0.55", scope="uniform")
    assert {(each.kind, each.before, each.after) for each in pruned.report.removed} == {
        ("heads", HEADS, HEADS // 2)
    }
    torch.testing.assert_close(pruned.module(X), network(X), atol=1e-5, rtol=1e-5)


def test_in_two_steps_and_as_a_canonical_graph() -> None:
    network = with_dead_heads(Vision)
    small = prune(network, (X[:1],), target="macs=0.55", scope="uniform", steps=2).module
    session = onnxruntime.InferenceSession(serialize(prepare(small, (X[:1],)).model))
    found = session.run(None, {session.get_inputs()[0].name: X[:1].numpy()})[0]
    np.testing.assert_allclose(found, network(X[:1]).detach(), atol=1e-5)


def test_attention_that_loses_nothing_keeps_its_class_and_the_other_can_be_kept_and_trained() -> None:
    network = Net(OlderVision).eval()
    small = prune(network, (X,), target="macs=0.8", keep=["blocks.1"]).module
    assert [type(each) for each in small.blocks] == [FusedHeads, OlderVision]
    assert [type(each) for each in network.blocks] == [OlderVision, OlderVision]
    assert small.blocks[0].scale == 0.5
    stored = io.BytesIO()
    torch.save(small, stored)
    stored.seek(0)
    again = torch.load(stored, weights_only=False)
    torch.testing.assert_close(copy.deepcopy(again)(X), small(X))
    torch.manual_seed(0)
    assert not torch.equal(small.train()(X), again(X))  # the dropout of the weights is there
    small(X).sum().backward()
    assert small.blocks[0].qkv.weight.grad is not None


def with_fully_connected(make: Callable[[], nn.Module]) -> nn.Module:
    network = Net(make).eval()
    network.last = nn.Sequential(nn.Linear(WIDE, 4096), nn.ReLU(), nn.Linear(4096, 5))
    return network


def test_what_looks_like_it_and_computes_otherwise_is_kept_and_said_so() -> None:
    pruned = prune(with_fully_connected(lambda: OlderVision(twice=2.0)), (X,), target="macs=0.9")
    assert {each.kind for each in pruned.report.removed} == {"channels"}
    assert any("blocks.0.qkv: kept" in each and "does not run" in each for each in pruned.report.notes)
