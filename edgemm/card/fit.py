"""A card from elsewhere, brought to the tensors of a file: names, shapes and layouts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from edgemm.card.model_card import InputCard, ModelCard, OutputCard
from edgemm.card.rules import bands
from edgemm.errors import CardError, InputError, naming
from edgemm.frozen import replace

if TYPE_CHECKING:
    from pathlib import Path

    from edgemm.tensors import TensorSpec

CardLike: TypeAlias = "ModelCard | Mapping[str, Any] | str | Path"
"""A card, its dictionary, the name of a preset, or the path of a JSON file."""
Entry = TypeVar("Entry", InputCard, OutputCard)


def find_card(given: CardLike) -> ModelCard:
    """The card that is meant.

    Raises:
        InputError: neither a preset nor a file.
        CardError, UnsupportedVersion: what is there is no card for this edgemm.
    """
    if isinstance(given, ModelCard):
        return given
    if isinstance(given, Mapping):
        return _from_mapping(given)
    from pathlib import Path

    if not isinstance(given, str | Path):
        raise InputError(
            f"card: expected a ModelCard, a dictionary, a file or the name of a preset, found {type(given).__name__}"
        )
    path = Path(given)
    if path.suffix == ".json" and os.path.isfile(path):  # no preset is called so
        return read_card_file(path)
    from edgemm.card.presets import PRESETS

    if isinstance(given, str) and given in PRESETS:
        return PRESETS[given]
    if os.path.isfile(path):
        return read_card_file(path)
    if str(given) in PRESETS:
        raise InputError(
            f"card: expected a JSON file, found {str(given)!r}, the name of a preset: --preset {given}"
        )
    from edgemm.choices import hint

    raise InputError(
        f"card: expected a JSON file or a preset ({', '.join(PRESETS)}), found {str(given)[:200]!r}"
        f"{hint(str(given), PRESETS)}"
    )


def read_card_file(path: Path) -> ModelCard:
    """The card in a JSON file, with the vocabularies that stand beside it.

    Raises:
        InputError: a file cannot be read.
        CardError, UnsupportedVersion: it holds no card for this edgemm; names the file.
    """
    from edgemm.card.vocabulary import with_files_beside

    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    with naming(path):
        return with_files_beside(ModelCard.from_json(text), path)


def _from_mapping(given: Mapping[str, Any]) -> ModelCard:
    try:
        text = json.dumps(dict(given))
    except (TypeError, ValueError, RecursionError) as error:
        raise CardError(f"the card cannot be read: {error}. Give plain, finite JSON values") from error
    return ModelCard.from_json(text)


def fit_card(card: ModelCard, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> ModelCard:
    """The card with the names of the file where it has others, and with what it leaves unsaid.

    Raises:
        CardError: it speaks of other tensors than the file has, and of another number of them.
    """
    ins = _matched(card.inputs or _plain(InputCard, inputs), inputs, "input")
    outs = _matched(card.outputs or _plain(OutputCard, outputs), outputs, "output")
    names_in = {entry.name: spec.name for entry, spec in ins}
    names_out = {entry.name: spec.name for entry, spec in outs}
    return card.with_(
        inputs=tuple(
            replace(
                entry,
                name=spec.name,
                shape=_shape(entry, spec),
                layout=entry.layout or layout_of(entry, spec.shape),
            )
            for entry, spec in ins
        ),
        outputs=tuple(replace(entry, name=spec.name, shape=_shape(entry, spec)) for entry, spec in outs),
        states=tuple(
            replace(
                pair,
                output=names_out.get(pair.output, pair.output),
                input=names_in.get(pair.input, pair.input),
            )
            for pair in card.states
        ),
    )


def _shape(entry: Entry, spec: TensorSpec) -> tuple[int, ...]:
    """The file's; the card's where the file leaves it open, or has a tensor without elements."""
    return spec.shape if all(size > 0 for size in spec.shape) else entry.shape


def _plain(kind: type[Entry], specs: Sequence[TensorSpec]) -> tuple[Entry, ...]:
    """Entries that say no more than the file."""
    return tuple(kind(name=spec.name) for spec in specs)


def _matched(
    entries: Sequence[Entry], specs: Sequence[TensorSpec], what: str
) -> list[tuple[Entry, TensorSpec]]:
    """By name; or by place, where the numbers agree and the names do not."""
    by_name = {spec.name: spec for spec in specs}
    if all(entry.name in by_name for entry in entries):
        return [(entry, by_name[entry.name]) for entry in entries]
    if len(entries) == len(specs):
        return list(zip(entries, specs, strict=True))
    raise CardError(
        f"the card describes {len(entries)} {what}(s) ({', '.join(each.name for each in entries)}), the file has "
        f"{len(specs)} ({', '.join(by_name)}): name them alike"
    )


def text_shapes(inputs: Sequence[InputCard]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the inputs of text, where the recipe says how many tokens they hold."""
    length = next((each.text.length for each in inputs if each.text is not None), 0)
    return {each.name: (1, length) for each in inputs if each.role} if length else {}


def layout_of(entry: InputCard, shape: Sequence[int]) -> str:
    """The layout of an input when its card does not say: where channels can be first, they are, as in ONNX."""
    if entry.image is not None and len(shape) == 4:
        return "NHWC" if shape[3] in (1, 3) and shape[1] not in (1, 3) else "NCHW"
    if entry.audio is None:
        return ""
    if entry.audio.feature == "waveform":
        return "NT"
    if len(shape) == 4:
        return "NCTF" if shape[1] == 1 else "NTFC"
    return "NTF" if shape[-1] == bands(entry.audio) else "NFT"


def said_shapes(card: ModelCard | None) -> dict[str, tuple[int, ...]]:
    """Name of an input or output -> its shape, where the card says it: for itself, by the length of texts, or for the
    other side of a state, which is of the same shape."""
    if card is None:
        return {}
    said = text_shapes(card.inputs)
    entries: tuple[InputCard | OutputCard, ...] = (*card.inputs, *card.outputs)
    said |= {each.name: each.shape for each in entries if each.shape}
    for pair in card.states:
        for known, other in ((pair.input, pair.output), (pair.output, pair.input)):
            if pair.kind == "replace" and known in said:
                said.setdefault(other, said[known])
    return said
