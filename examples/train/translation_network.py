"""An encoder-decoder Transformer that writes a text for a text; `translation_parts.py` exports it.

    network = Translation(Sizes(source_words=8000, target_words=8000))
    scores = network(source, source_mask, target[:, :-1])          training: teacher forcing

Attention: Vaswani et al., "Attention Is All You Need" (2017); normalized before each block: Xiong et al., "On Layer
Normalization in the Transformer Architecture" (2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

HIDDEN = -1e4
"""Added to the score of what must not be looked at: its share becomes exactly 0 in float32."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the network is."""

    source_words: int
    """Ids of the source vocabulary."""
    target_words: int
    """Ids of the target vocabulary."""
    width: int = 256
    """Numbers of a token."""
    heads: int = 4
    hidden: int = 1024
    """Numbers between the two layers of a feed-forward block."""
    encoder_layers: int = 3
    decoder_layers: int = 3
    longest: int = 256
    """Tokens: the largest position is one below."""
    dropout: float = 0.1
    tied: bool = True
    """The target's embeddings also give the scores."""
    shared: bool = False
    """Source and target have one vocabulary and one table."""
    learned_positions: bool = False
    """False: sines and cosines of the position."""


class Attention(nn.Module):  # type: ignore[misc]
    """Several heads, each of `width / heads` numbers."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.heads, self.size, self.dropout = sizes.heads, width // sizes.heads, sizes.dropout
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """[n, tokens, width] -> [n, heads, tokens, width / heads]."""
        return x.view(x.shape[0], -1, self.heads, self.size).transpose(1, 2)

    def cached(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of tokens, [n, heads, tokens, width / heads] each."""
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(
        self, x: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """What x finds in keys and values.

        Args:
            x: [n, tokens, width].
            key: of what is looked at.
            value: likewise.
            bias: added to the scores, 0 or `HIDDEN`: [n or 1, 1, tokens or 1, looked at]; None: all is looked at.
        """
        query = self.split(self.query(x))
        if self.training:
            found = F.scaled_dot_product_attention(query, key, value, bias, self.dropout)
        else:
            scores = (query * (1.0 / math.sqrt(self.size))) @ key.transpose(2, 3)
            found = torch.softmax(scores if bias is None else scores + bias, dim=3) @ value
        return cast(torch.Tensor, self.out(found.transpose(1, 2).reshape(x.shape[0], -1, x.shape[2])))


def _feed_forward(sizes: Sizes) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(sizes.width, sizes.hidden), nn.ReLU(), nn.Dropout(sizes.dropout),
        nn.Linear(sizes.hidden, sizes.width),
    )  # fmt: skip


class EncoderLayer(nn.Module):  # type: ignore[misc]
    """Each token looks at all tokens of the source."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.attention, self.feed = Attention(sizes), _feed_forward(sizes)
        self.before_attention, self.before_feed = nn.LayerNorm(sizes.width), nn.LayerNorm(sizes.width)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """[n, tokens, width] -> the same."""
        near = self.before_attention(x)
        x = x + self.dropout(self.attention(near, *self.attention.cached(near), bias))
        return cast(torch.Tensor, x + self.dropout(self.feed(self.before_feed(x))))


class DecoderLayer(nn.Module):  # type: ignore[misc]
    """Each token looks at those before it, and at the source."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.own, self.source, self.feed = Attention(sizes), Attention(sizes), _feed_forward(sizes)
        self.before_own, self.before_source = nn.LayerNorm(sizes.width), nn.LayerNorm(sizes.width)
        self.before_feed = nn.LayerNorm(sizes.width)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(
        self,
        x: torch.Tensor,
        near: torch.Tensor,
        own: tuple[torch.Tensor, torch.Tensor],
        own_bias: torch.Tensor | None,
        memory: tuple[torch.Tensor, torch.Tensor],
        memory_bias: torch.Tensor | None,
    ) -> torch.Tensor:
        """Args:
        x: [n, tokens, width].
        near: `before_own` of x.
        own: keys and values of the tokens that x may look at.
        own_bias: see `Attention`.
        memory: keys and values of the source.
        memory_bias: see `Attention`.
        """
        x = x + self.dropout(self.own(near, *own, own_bias))
        x = x + self.dropout(self.source(self.before_source(x), *memory, memory_bias))
        return cast(torch.Tensor, x + self.dropout(self.feed(self.before_feed(x))))


class Translation(nn.Module):  # type: ignore[misc]
    """Source tokens and the target's tokens so far -> scores of the token that follows each."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        if sizes.width % sizes.heads or sizes.width % 2:
            raise ValueError(
                f"expected an even width of whole heads, found {sizes.width} for {sizes.heads} heads"
            )
        if sizes.shared and sizes.source_words != sizes.target_words:
            raise ValueError("expected vocabularies of one size where the table is shared")
        self.sizes = sizes
        self.target_table = nn.Embedding(sizes.target_words, sizes.width)
        self.source_table = (
            self.target_table if sizes.shared else nn.Embedding(sizes.source_words, sizes.width)
        )
        for table in (self.target_table, self.source_table):
            nn.init.normal_(table.weight, std=sizes.width**-0.5)
        positions = _waves(sizes.longest, sizes.width)
        if sizes.learned_positions:
            self.positions = nn.Parameter(positions)
        else:
            self.register_buffer("positions", positions, persistent=False)
        self.encoder = nn.ModuleList(EncoderLayer(sizes) for _ in range(sizes.encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(sizes) for _ in range(sizes.decoder_layers))
        self.after_encoder, self.after_decoder = nn.LayerNorm(sizes.width), nn.LayerNorm(sizes.width)
        self.scores = nn.Linear(sizes.width, sizes.target_words, bias=False)
        if sizes.tied:
            self.scores.weight = self.target_table.weight
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, source: torch.Tensor, source_mask: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Teacher forcing: the scores of all places at once.

        Args:
            source: int[n, source tokens].
            source_mask: [n, source tokens]: 1 where a token stands, 0 where the row is filled up.
            target: int[n, target tokens], the begin token first. Rows that are filled up are so at their end.

        Returns:
            float32[n, target tokens, target words]: place t has the scores of token t + 1.
        """
        memory_bias = hiding(source_mask)
        memory = self.encode(source, memory_bias)
        x = self.embed(self.target_table, target, self.positions[: target.shape[1]])
        length = target.shape[1]
        later = torch.full((length, length), HIDDEN, device=x.device).triu(1)[None, None]
        for layer in self.decoder:
            near = layer.before_own(x)
            x = layer(x, near, layer.own.cached(near), later, layer.source.cached(memory), memory_bias)
        return cast(torch.Tensor, self.scores(self.after_decoder(x)))

    def encode(self, source: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """int[n, tokens] -> [n, tokens, width]."""
        x = self.embed(self.source_table, source, self.positions[: source.shape[1]])
        for layer in self.encoder:
            x = layer(x, bias)
        return cast(torch.Tensor, self.after_encoder(x))

    def embed(self, table: nn.Embedding, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Ids and where they stand -> [n, tokens, width]."""
        return cast(torch.Tensor, self.dropout(table(ids) * math.sqrt(self.sizes.width) + positions))


def hiding(mask: torch.Tensor) -> torch.Tensor:
    """[n, tokens], 1 where a token stands -> [n, 1, 1, tokens], 0 there and `HIDDEN` elsewhere."""
    return ((mask - 1.0) * -HIDDEN)[:, None, None, :]


def _waves(count: int, width: int) -> torch.Tensor:
    """float32[count, width]: sines and cosines, as in Vaswani et al."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(count)[:, None] * rates
    return torch.cat((angles.sin(), angles.cos()), dim=1)
