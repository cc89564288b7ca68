"""`nn.MultiheadAttention` with fewer heads than its width has room for, which torch's own class refuses."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class FewerHeads(nn.MultiheadAttention):
    """Attention whose heads keep their size when some of them are removed. Its parameters have torch's names.

    With E the width of what goes in and out, H heads of D channels: `in_proj_weight` is (3 H D, E), or there are
    `q_proj_weight`, `k_proj_weight` and `v_proj_weight`; `out_proj` is (E, H D). It is called as torch's class is.
    """

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """The output, shaped as `query`, and the weights (None without `need_weights`)."""
        batched, alike = query.dim() == 3, query is key is value
        if not batched:
            query, key, value = (each.unsqueeze(0 if self.batch_first else 1) for each in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        if not self.batch_first:
            query, key, value = (each.transpose(0, 1) for each in (query, key, value))
        q, k, v = self._projected(query, None if alike else key, value)
        mask = self._mask(q, k, attn_mask, key_padding_mask)
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        weights = (scores if mask is None else scores + mask).softmax(-1)
        mixed = F.dropout(weights, self.dropout, self.training) @ v
        output = self.out_proj(mixed.transpose(1, 2).flatten(2))
        if not self.batch_first:
            output = output.transpose(0, 1)
        if average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            output, weights = output.squeeze(0 if self.batch_first else 1), weights.squeeze(0)
        return output, weights if need_weights else None

    def _projected(self, query: Any, key: Any, value: Any) -> list[Any]:
        """Queries, keys and values, each (batch, heads, time, channels); all of `query` where `key` is None."""
        if key is None and self.in_proj_weight is not None:
            made = list(F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1))
        else:
            made = self._projected_apart(query, query if key is None else key, value)
        for place, extra in ((1, self.bias_k), (2, self.bias_v)):
            if extra is not None:
                made[place] = torch.cat((made[place], extra.expand(len(made[place]), -1, -1)), 1)
            if self.add_zero_attn:
                made[place] = F.pad(made[place], (0, 0, 0, 1))
        return [each.unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for each in made]

    def _projected_apart(self, query: Any, key: Any, value: Any) -> list[Any]:
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        matrices = (
            (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            if self.in_proj_weight is None
            else self.in_proj_weight.chunk(3)
        )
        return [F.linear(*each) for each in zip((query, key, value), matrices, biases, strict=True)]

    def _mask(self, q: Any, k: Any, attn_mask: Any, key_padding_mask: Any) -> Any:
        """What is added to the scores, or None."""
        added = None
        if attn_mask is not None:
            added = _as_numbers(attn_mask, q)
            if added.dim() == 3:
                added = added.reshape(len(q), -1, *added.shape[1:])
        if key_padding_mask is not None:
            padding = _as_numbers(key_padding_mask, q)[:, None, None, :]
            added = padding if added is None else added + padding
        more = k.size(-2) - (added.size(-1) if added is not None else k.size(-2))
        return F.pad(added, (0, more)) if more else added


def _as_numbers(mask: Any, like: Any) -> Any:
    """A mask of booleans, where True is left out, as numbers to add."""
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, float("-inf"))


def narrowed(part: Any) -> None:
    """Gives attention the class that its parameters now need; the size of its heads stays."""
    weight = part.in_proj_weight
    width = part.q_proj_weight.shape[0] if weight is None else weight.shape[0] // 3
    given = part.q_proj_weight.shape[1] if weight is None else weight.shape[1]
    if {width, given, part.out_proj.weight.shape[0]} != {part.embed_dim}:
        part.__class__ = FewerHeads
        part._qkv_same_embed_dim = (
            False  # torch's layers ask for it before they take a fast path past `forward`
        )
    part.num_heads = width // part.head_dim
    part.out_proj.out_features, part.out_proj.in_features = part.out_proj.weight.shape
