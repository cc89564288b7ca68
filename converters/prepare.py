"""From a file, a torch module or a graph to a canonical float graph with a card."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir as ir

from edgemm.card import ModelCard, StatePair
from edgemm.converters.aware.source import TrainedSource
from edgemm.converters.importers.cut import Cut
from edgemm.converters.importers.cut_card import card_of_part
from edgemm.converters.importers.input_shapes import note_of_batch, set_inputs
from edgemm.converters.importers.outputs import require_memory, separate_outputs
from edgemm.converters.importers.source_file import source_file
from edgemm.converters.importers.tflite_graph import Imported
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.control import put_time_first
from edgemm.converters.passes.control.written_out import WrittenOut, written_out
from edgemm.converters.passes.names import free_runtime_names
from edgemm.converters.passes.quantized import is_quantized
from edgemm.converters.passes.rewrite import shape_of
from edgemm.converters.passes.stepwise import add_states
from edgemm.converters.piece import Piece
from edgemm.converters.reference import Source
from edgemm.converters.shape_outputs import shape_outputs
from edgemm.converters.source_card import fit_card, given_card, note_of_memory
from edgemm.converters.source_graph import source_graph
from edgemm.converters.source_runtime import Examples, runtime_of
from edgemm.converters.source_types import note_of_types
from edgemm.converters.stepwise import ROUNDS, check_whole, in_steps, with_states
from edgemm.converters.text_inputs import is_model_file, with_ids, with_text_shapes
from edgemm.converters.written import Format
from edgemm.errors import InputError
from edgemm.tensors import TensorSpec

MANY_OPERATORS = 64
"""A loop that becomes fewer is not worth a word."""
WRITTEN_OUT = "{loop}: file and time grow with the rounds. LSTM, GRU and RNN stay one operator each in ONNX"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A model ready to be calibrated."""

    model: ir.Model
    """Canonical."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    card: ModelCard
    """One input card per input and one output card per output, by their names, in their order."""
    sha256: str
    """Of the source file, or of the exported graph when the source is a torch module."""
    size_bytes: int
    """Of the source."""
    notes: tuple[str, ...] = ()
    """What is missing in the card because it was not known."""
    source: ir.Model | None = None
    """The graph as it was read, which every file is held against."""
    rounds: bool = False
    """The source itself rounds: it is quantized, or not in float32."""
    runs_in: Source | None = None
    """What runs the source in place of its graph: the torch module, the .tflite file."""
    time_axis: int | None = None
    """Of the first input, where the model runs step by step; the others are its states."""
    float_nodes: frozenset[str] = frozenset()
    """Of a quantized .tflite source: nodes that it computes in float."""
    pieces: tuple[Piece, ...] = ()
    """What has become of outputs of the source; () where the file has the source's outputs."""
    quantized: bool = False
    """The source rounds to integers while it runs; a float file of it does not."""
    examples: Examples = field(default_factory=dict)
    """Input name -> the value that the source came with, of a torch module or program."""
    file: Path | None = None
    """The source, where it is a file; of a trained graph, the file that it came from."""
    whole: bool = True
    """False for a part of the source."""
    written_out: tuple[WrittenOut, ...] = ()
    """Loops of the source whose rounds stand one after the other."""


def prepare(
    source: Any,
    example_inputs: tuple[Any, ...] | None = None,
    *,
    card: ModelCard | str | Path | None = None,
    preset: str | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, float] | None = None,
    format_: Format = "onnx",
    time_axis: int | None = None,
    keep_outputs: bool = True,
    keep_scores: bool = False,
    limits: bool = False,
    cut: Cut | None = None,
) -> Prepared:
    """Reads `source` (a path, a torch module, an `onnx_ir.Model`), makes it canonical, and fits its card.

    For TFLite, operators that it lacks are written out in those that it has.

    The card is the one given, else the preset's, else the one that the source file carries, else empty.

    Args:
        time_axis: of the input of a model that is to run step by step; None: it takes what it takes.
        keep_outputs: False: outputs get the form that the card's task decodes best; see
            `edgemm.converters.shape_outputs`. Those of a model that runs step by step are kept.
        keep_scores: scores do not become classes.
        limits: a detector's logits are limited to what its sigmoid shows.
        cut: the part of the graph that is wanted; the rest goes before anything else is done.

    Raises:
        InputError: no such file, or the card does not fit the model.
        UnsupportedOperator: an operator that cannot be expressed.
    """
    if card is not None and not cut and is_model_file(source):
        shapes = with_text_shapes(source, given_card(source, card, preset), shapes)
    model, payload, imported = source_graph(source, example_inputs, shapes, cut, constants, time_axis)
    of_source = [*note_of_batch(model.graph.inputs), *note_of_types(model.graph)]
    known = imported.given if imported is not None else {}
    set_inputs(model, {name: number for name, number in (constants or {}).items() if name not in known})
    separate_outputs(model)
    free_runtime_names(model)
    quantized = is_quantized(model) or (imported is not None and imported.rounds)
    original, rounds = model.clone(), quantized or not _is_float32(model)
    if isinstance(source, TrainedSource):
        original, rounds, quantized = (source.original or model).clone(), True, False
    put_time_first(original)
    canonicalize(model)
    require_memory(model)
    given, unsaid = given_card(source, card, preset), ""
    if cut:
        given = card_of_part(given, cut, model, named=card is not None or preset is not None)
    carded = given is not None
    own = imported.states if imported is not None else ()
    if own:
        given = _with_own_states(model, given or ModelCard(_name(source)), own, time_axis)
    elif time_axis is not None:
        bare = given or ModelCard(_name(source))
        given, unsaid = _stepwise(model, source, example_inputs, time_axis, bare, cut)
        original, rounds, quantized = model.clone(), False, False
    pieces: tuple[Piece, ...] = ()
    shaped = ""
    if given is not None and not keep_outputs and time_axis is None:
        fitted, _ = fit_card(given, _name(source), _specs(model.graph.inputs), _specs(model.graph.outputs))
        given, pieces, shaped = shape_outputs(model, fitted, keep_scores=keep_scores, limits=limits)
    if format_ == "tflite":
        from edgemm.converters.tflite.expand import expand_for_tflite

        expand_for_tflite(model)
    inputs, outputs = _specs(model.graph.inputs), _specs(model.graph.outputs)
    fitted, notes = fit_card(given, _name(source), inputs, outputs, known=carded)
    fitted = with_ids(fitted, (original, model))
    digest, size = hashlib.sha256(payload).hexdigest(), len(payload)
    if isinstance(source, str | Path):
        file = source_file(source)  # with its external weights
        digest, size = file.sha256(), file.size_bytes
    elif isinstance(source, TrainedSource):
        digest, size = source.sha256, source.size_bytes
    if cut:
        fitted = fitted.after("cut", cut.to_dict(), digest)
    loops = _loops(model, imported)
    notes += [WRITTEN_OUT.format(loop=each) for each in loops if each.operators >= MANY_OPERATORS]
    notes += [
        *of_source,
        *note_of_memory(fitted, model.graph),
        *(imported.notes if imported is not None else ()),
        *(each for each in (unsaid, shaped) if each),
    ]
    alone = (time_axis is None or bool(own)) and not cut
    runs_in, examples = runtime_of(source, example_inputs, original, imported) if alone else (None, {})
    return Prepared(
        model, inputs, outputs, fitted, digest, size, tuple(notes), original, rounds,
        runs_in, time_axis, _float_nodes(model, imported), pieces, quantized, examples, *_origin(source, cut),
        loops,
    )  # fmt: skip


def _with_own_states(
    model: ir.Model, card: ModelCard, pairs: Sequence[StatePair], time_axis: int | None
) -> ModelCard:
    """The card with the states that the source keeps itself, of which a cut may have left some out.

    Raises:
        InputError: it is to run step by step, and has other inputs than one and its states.
    """
    ins, outs = (
        {str(value.name) for value in values} for values in (model.graph.inputs, model.graph.outputs)
    )
    left = [pair for pair in pairs if pair.input in ins and pair.output in outs]
    if time_axis is not None:
        first = model.graph.inputs[0]
        if len(ins) != 1 + len(left) or not 0 <= time_axis < len(first.shape or ()):
            raise InputError(
                f"stepwise: expected one input with time along dimension {time_axis} beside the states of the source, "
                f"found {', '.join(f'{value.name} {value.shape}' for value in model.graph.inputs)}"
            )
    named = {pair.input for pair in card.states}
    fresh = [pair for pair in left if pair.input not in named]
    return with_states(card, fresh, len(ins) - len(fresh), len(outs) - len(fresh))


def _loops(model: ir.Model, imported: Imported | None) -> tuple[WrittenOut, ...]:
    """Loops that were written out."""
    found = (*(imported.written_out if imported is not None else ()), *written_out(model))
    return tuple(each.at_most(len(model.graph)) for each in found)


def _float_nodes(model: ir.Model, imported: Imported | None) -> frozenset[str]:
    """Nodes of the canonical graph that a quantized source computes in float."""
    begin = imported.float_operators if imported is not None else ()
    names = [str(node.name) for node in model.graph]
    return frozenset(name for name in names if begin and name.startswith(begin))


def _stepwise(
    model: ir.Model,
    source: Any,
    example_inputs: tuple[Any, ...] | None,
    axis: int,
    card: ModelCard,
    cut: Cut | None = None,
) -> tuple[ModelCard, str]:
    """Gives the canonical model its states, in place, and the card their pairs."""
    if (
        not isinstance(axis, int)
        or len(model.graph.inputs) != 1
        or not 0 <= axis < len(model.graph.inputs[0].shape or ())
    ):
        raise InputError(
            f"stepwise: expected one input with time along dimension {axis}, found "
            + ", ".join(f"{value.name} {value.shape}" for value in model.graph.inputs)
        )
    shape = [int(size) for size in shape_of(model.graph.inputs[0])]
    card = in_steps(card, shape[axis])
    shape[axis] *= ROUNDS
    name = str(model.graph.inputs[0].name)
    ins, outs = len(model.graph.inputs), len(model.graph.outputs)
    pairs = add_states(model)
    canonicalize(model)

    def longer() -> ir.Model:
        if example_inputs is not None:
            import torch

            made, _, _ = source_graph(source, (torch.cat([example_inputs[0]] * ROUNDS, dim=axis),), None, cut)
        elif isinstance(source, str | Path):
            made, _, _ = source_graph(source, None, {name: shape}, cut)
        else:
            raise InputError("an onnx_ir.Model has the sizes that it has")
        separate_outputs(made)
        canonicalize(made)
        return made

    note = check_whole(model, pairs, longer, axis)
    return with_states(card, pairs, ins, outs), note


def _is_float32(model: ir.Model) -> bool:
    """Its numbers are those that the float file computes with."""
    values = [*model.graph.inputs, *model.graph.initializers.values()]
    other = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE)
    return not any(value.dtype in other for value in values)


def _origin(source: Any, cut: Cut | None) -> tuple[Path | None, bool]:
    """The file that a source is, or came from, and whether it is the whole of it."""
    if isinstance(source, TrainedSource):
        return source.file, source.whole
    return Path(source) if isinstance(source, str | Path) else None, not cut


def _name(source: Any) -> str:
    if isinstance(source, str | Path):
        return Path(source).stem
    if isinstance(source, TrainedSource):
        return source.name
    return type(source).__name__ if hasattr(source, "state_dict") else "model"


def _specs(values: Sequence[ir.Value]) -> tuple[TensorSpec, ...]:
    specs = []
    for value in values:
        if value.shape is None or value.dtype is None or not value.shape.is_static():
            raise InputError(f"tensor {value.name!r} has no static shape; give --shape {value.name}=...")
        specs.append(TensorSpec(str(value.name), tuple(value.shape.numpy()), value.dtype.numpy().name))
    return tuple(specs)
