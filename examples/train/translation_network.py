"""An encoder-decoder Transformer that writes a text for a text, and the parts that it is exported in.

    network = Translation(Sizes(source_words=8000, target_words=8000))
    scores = network(source, source_mask, target[:, :-1])          training: teacher forcing
    export_parts(network, folder, source_length=48, target_length=64)   encoder.onnx, decoder.onnx, cards inside

The encoder runs once for a text and gives what the decoder's layers look at (memory). The decoder writes a token at a
time, with the keys and values of the tokens before in a cache.

Attention: Vaswani et al., "Attention Is All You Need" (2017); normalized before each block: Xiong et al., "On Layer
Normalization in the Transformer Architecture" (2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from network_file import save_module
from torch import nn
from torch.nn import functional as F

from edgemm.card import InputCard, ModelCard, OutputCard, StatePair
from edgemm.tasks.sequence import SequenceRecipe

HIDDEN = -1e4
"""Added to the score of what must not be looked at: its share becomes exactly 0 in float32."""
Feeds = dict[str, npt.NDArray[Any]]
"""Name of an input -> array."""


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


class EncoderPart(nn.Module):  # type: ignore[misc]
    """What runs once for a text: (ids int32[1, T], mask float32[1, T]) -> memory.0.key, memory.0.value, memory.1.key,
    ...: float32[1, heads, T, width / heads] for each layer of the decoder."""

    def __init__(self, network: Translation) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """See the class."""
        memory = self.network.encode(ids, hiding(mask))
        return tuple(each for layer in self.network.decoder for each in layer.source.cached(memory))


class DecoderPart(nn.Module):  # type: ignore[misc]
    """A token: its scores, and the caches with its keys and values in them.

    Inputs of the fixed form: ids int32[1, 1]; position int32[1], from 0; mask float32[1, P], 1 at the positions written
    so far and at this one; memory_mask float32[1, T]; memory.*: float32[1, heads, T, width / heads]; past.*: float32[1,
    heads, P, width / heads]. Outputs: logits float32[1, target words]; present.*: past.* with this position written.

    The growing form has no mask: past.* has as many positions as were written, 0 at first, and present.* one more.
    """

    def __init__(self, network: Translation, *, growing: bool = False) -> None:
        super().__init__()
        self.network, self.growing = network, growing

    def forward(
        self, ids: torch.Tensor, position: torch.Tensor, *rest: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """See the class."""
        network, masks = self.network, 1 if self.growing else 2
        own_bias = None if self.growing else hiding(rest[0])
        memory_bias, caches = hiding(rest[masks - 1]), rest[masks:]
        count = 2 * len(network.decoder)
        memory, past = caches[:count], caches[count:]
        present: list[torch.Tensor] = []
        x = network.embed(network.target_table, ids, network.positions.index_select(0, position))
        for at, layer in enumerate(network.decoder):
            pair = slice(2 * at, 2 * at + 2)
            near = layer.before_own(x)
            own = tuple(
                self._written(old, new, position)
                for old, new in zip(past[pair], layer.own.cached(near), strict=True)
            )
            x = layer(x, near, own, own_bias, memory[pair], memory_bias)
            present += own
        return (network.scores(network.after_decoder(x))[:, 0], *present)

    def _written(self, old: torch.Tensor, new: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        if self.growing:
            return torch.cat((old, new), dim=2)
        here = torch.arange(old.shape[2], dtype=torch.int32) == position
        return torch.where(here[None, None, :, None], new, old)


def cache_names(kind: str, layers: int) -> list[str]:
    """ "memory", 2 -> memory.0.key, memory.0.value, memory.1.key, memory.1.value."""
    return [f"{kind}.{layer}.{side}" for layer in range(layers) for side in ("key", "value")]


def export_parts(
    network: Translation,
    folder: Path,
    *,
    source_length: int,
    target_length: int,
    growing: bool = False,
    name: str = "sequence",
) -> tuple[Path, Path]:
    """Writes encoder.onnx and decoder.onnx, float, with the names of `EncoderPart` and `DecoderPart`; the card of the
    decoder names its states (present.* -> past.*).

    Args:
        network: trained.
        folder: is there.
        source_length: tokens of the source, T. Shorter ones are filled up at the end.
        target_length: positions of the cache, P: tokens that are written, the begin token counted.
        growing: the caches grow from 0, and T and P are left open: for ONNX Runtime alone. The lengths are then
            those that the network is traced with.
        name: of the model, in its cards.

    Returns:
        The paths of the encoder and of the decoder.

    Raises:
        ValueError: a length is above the positions that the network has.
    """
    sizes = network.sizes
    if max(source_length, target_length) > sizes.longest:
        raise ValueError(
            f"expected lengths of at most {sizes.longest}, found {source_length}, {target_length}"
        )
    memory, past, present = (
        cache_names(kind, sizes.decoder_layers) for kind in ("memory", "past", "present")
    )
    size = (1, sizes.heads, source_length, sizes.width // sizes.heads)
    cache = (*size[:2], target_length, size[3])
    open_source = {name_: {2: "source"} for name_ in memory} if growing else {}
    encoder = folder / "encoder.onnx"
    save_module(
        EncoderPart(network),
        {"ids": torch.ones(1, source_length, dtype=torch.int32), "mask": torch.ones(1, source_length)},
        memory,
        encoder,
        _card(f"{name}-encoder", ("ids", "mask"), memory),
        {"ids": {1: "source"}, "mask": {1: "source"}, **open_source} if growing else {},
    )
    feeds = {"ids": torch.ones(1, 1, dtype=torch.int32), "position": torch.zeros(1, dtype=torch.int32)}
    if not growing:
        feeds["mask"] = torch.ones(1, target_length)
    feeds |= {"memory_mask": torch.ones(1, source_length)}
    feeds |= {each: torch.zeros(size) for each in memory} | {each: torch.zeros(cache) for each in past}
    open_axes: dict[str, dict[int, str]] = {}
    if growing:
        open_axes = {"memory_mask": {1: "source"}, **open_source}
        open_axes |= {each: {2: "written"} for each in past} | {each: {2: "so_far"} for each in present}
    states = tuple(
        StatePair(output=out, input=into, kind="grow" if growing else "replace")
        for out, into in zip(present, past, strict=True)
    )
    decoder = folder / "decoder.onnx"
    save_module(
        DecoderPart(network, growing=growing), feeds, ["logits", *present], decoder,
        _card(f"{name}-decoder", tuple(feeds), ["logits", *present], states), open_axes,
    )  # fmt: skip
    return encoder, decoder


def _card(
    name: str, inputs: Sequence[str], outputs: Sequence[str], states: tuple[StatePair, ...] = ()
) -> ModelCard:
    return ModelCard(
        name=name, family="Transformer", inputs=tuple(InputCard(name=each) for each in inputs),
        outputs=tuple(OutputCard(name=each) for each in outputs), states=states,
    )  # fmt: skip


def encoder_samples(sources: Sequence[Sequence[int]], length: int, pad: int = 0) -> list[Feeds]:
    """Inputs of the encoder for these token ids, filled up to `length`; conversion is measured on them."""
    samples = []
    for ids in sources:
        filled, mask = np.full((1, length), pad, np.int32), np.zeros((1, length), np.float32)
        filled[0, : len(ids)], mask[0, : len(ids)] = ids, 1.0
        samples.append({"ids": filled, "mask": mask})
    return samples


def decoder_samples(
    network: Translation,
    encoded: Sequence[Mapping[str, npt.NDArray[Any]]],
    targets: Sequence[Sequence[int]],
    target_length: int,
    every: int = 3,
) -> Iterator[Feeds]:
    """Inputs of the decoder as they come up while the targets are written: the network in torch gives the caches.

    Args:
        network: trained.
        encoded: what `encoder_samples` gave.
        targets: the begin token and what follows it, for each source.
        target_length: positions of the cache.
        every: one of so many positions is given.
    """
    layers = network.sizes.decoder_layers
    memory, past = cache_names("memory", layers), cache_names("past", layers)
    network.eval()
    encoder, decoder = EncoderPart(network), DecoderPart(network)
    size = (1, network.sizes.heads, target_length, network.sizes.width // network.sizes.heads)
    with torch.no_grad():
        for at, (feeds, target) in enumerate(zip(encoded, targets, strict=True)):
            held = encoder(torch.from_numpy(feeds["ids"]), torch.from_numpy(feeds["mask"]))
            caches = [torch.zeros(size) for _ in past]
            for place, token in enumerate(target[:target_length]):
                step = {
                    "ids": np.array([[token]], np.int32),
                    "position": np.array([place], np.int32),
                    "mask": (np.arange(target_length) <= place).astype(np.float32)[None],
                    "memory_mask": np.asarray(feeds["mask"]),
                }
                step |= {each: value.numpy() for each, value in zip(memory, held, strict=True)}
                step |= {each: value.numpy() for each, value in zip(past, caches, strict=True)}
                if (at + place) % every == 0:
                    yield step
                _, *caches = decoder(*(torch.from_numpy(each) for each in step.values()))


def write_translation(
    output: Path,
    encoder: Path,
    decoder: Path,
    recipe: SequenceRecipe,
    vocabularies: Mapping[str, bytes],
    *,
    name: str = "sequence",
    licence: str = "",
    goldens: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Writes the ZIP of a bundle that `edgemm.load` takes.

    Args:
        output: ends in .zip.
        encoder: a file of `export_parts`, or what it was converted to.
        decoder: likewise.
        recipe: names the vocabularies, and the ids of begin and end.
        vocabularies: name in the recipe -> content.
        name: of the bundle.
        licence: SPDX expression.
        goldens: texts, and what is written for them, for `edgemm verify`.
        extra: more keys of bundle.json, each beginning with x-.
    """
    from edgemm.artifact.bundle import BundleAsset, BundleCard, BundleGolden, BundlePart, write_bundle

    parts = {"encoder": encoder, "decoder": decoder}
    card = BundleCard(
        driver="sequence", name=name, licence=licence, recipe=recipe, extra=dict(extra or {}),
        parts={role: BundlePart(path.name) for role, path in parts.items()},
        assets={each: BundleAsset(f"{each}.vocabulary") for each in vocabularies},
        goldens=tuple(BundleGolden(text=text, expected={"text": read}) for text, read in (goldens or {}).items()),
    )  # fmt: skip
    files: dict[str, bytes | Path] = {path.name: path for path in parts.values()}
    write_bundle(
        card, output, files=files | {f"{each}.vocabulary": held for each, held in vocabularies.items()}
    )
