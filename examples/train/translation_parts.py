"""The parts that a translation network is exported in, and what they are converted on.

    export_parts(network, folder, source_length=48, target_length=64)   encoder.onnx, decoder.onnx, cards inside
    write_translation(output, encoder, decoder, recipe, vocabularies)   the bundle

The encoder runs once for a text and gives what the decoder's layers look at (memory). The decoder writes a token at a
time, with the keys and values of the tokens before in a cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from network_file import save_module
from torch import nn
from translation_network import Translation, hiding

from edgemm.card import InputCard, ModelCard, OutputCard, StatePair
from edgemm.tasks.sequence import SequenceRecipe

Feeds = dict[str, npt.NDArray[Any]]
"""Name of an input -> array."""


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
