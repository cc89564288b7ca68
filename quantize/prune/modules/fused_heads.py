"""Attention with one matrix for queries, keys and values, as vision transformers have it (timm, DINO, MAE), whose own
`forward` reshapes the heads to the width of its input: with fewer heads it does not run, and this one does."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import torch.nn.functional as F
from torch import nn

_LAYERS = {"qkv", "proj", "q_norm", "k_norm", "attn_drop", "proj_drop", "norm"}


class FusedHeads(nn.Module):  # type: ignore[misc]
    """Takes the place of such a class. Layers and attributes keep their names.

    With E the width of what goes in and out, H heads of D channels: `qkv` is a linear layer from E to 3 H D, its
    outputs ordered (3, H, D), and `proj` one from H D to E. Between may be `q_norm`, `k_norm` and dropout.
    """

    def forward(self, x: Any, attn_mask: Any = None, is_causal: bool = False) -> Any:
        """(batch, time, E) of the same shape. The mask is what `F.scaled_dot_product_attention` takes."""
        batch, time, _ = x.shape
        apart = self.qkv(x).reshape(batch, time, 3, self.num_heads, self.head_dim)
        q, k, v = apart.permute(2, 0, 3, 1, 4).unbind(0)
        norms = (getattr(self, name, None) for name in ("q_norm", "k_norm"))
        q, k = (each if norm is None else norm(each) for each, norm in zip((q, k), norms, strict=True))
        drop = getattr(getattr(self, "attn_drop", None), "p", 0.0) if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask, drop, is_causal, scale=self.scale)
        made = self.proj(mixed.transpose(1, 2).reshape(batch, time, self.num_heads * self.head_dim))
        last = getattr(self, "proj_drop", None)
        return made if last is None else last(made)


def with_fused_heads(module: Any, layers: Iterable[str]) -> tuple[Any, dict[str, type]]:
    """A copy in which the attention around these layers is of this class, where it has the layers of such attention
    and no others; and the classes that it had, by name. What the copy computes must be compared with the module."""
    made, classes = copy.deepcopy(module), dict[str, type]()
    for path in dict.fromkeys(layer.rpartition(".")[0] for layer in layers):
        part = made.get_submodule(path)
        if not isinstance(part, FusedHeads) and _is_like(part):
            classes[path] = type(part)
            part.head_dim = part.proj.in_features // part.num_heads
            part.scale = getattr(part, "scale", part.head_dim**-0.5)
            part.__class__ = FusedHeads
    return made, classes


def _is_like(part: Any) -> bool:
    qkv, proj, heads = (getattr(part, name, None) for name in ("qkv", "proj", "num_heads"))
    if not isinstance(qkv, nn.Linear) or not isinstance(proj, nn.Linear) or type(heads) is not int:
        return False
    return (
        {name for name, _ in part.named_children()} <= _LAYERS
        and not any(each is not None for each in (*part._parameters.values(), *part._buffers.values()))
        and isinstance(getattr(part, "norm", None), nn.Identity | None)
        and qkv.out_features == 3 * proj.in_features
        and heads > 0
        and proj.in_features % heads == 0
    )


def follow(module: Any) -> None:
    """The number of heads follows the layers, everywhere in a module; the size of a head stays."""
    for part in module.modules():
        if isinstance(part, FusedHeads):
            part.num_heads = part.proj.in_features // part.head_dim


def give_back(module: Any, classes: Mapping[str, type]) -> None:
    """Attention that lost no head gets its own class again."""
    for path, kind in classes.items():
        part = module.get_submodule(path)
        if part.proj.in_features == part.qkv.in_features:
            part.__class__ = kind
