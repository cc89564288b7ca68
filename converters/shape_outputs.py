"""Outputs in the form that the card's task decodes best: a detector's parts apart, a segmenter's classes.

Quantized, a tensor has one scale, which boxes in pixels and scores of 0..1 cannot share. And the classes of a picture
are a fraction of its scores, picked by the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from edgemm.card import ModelCard
from edgemm.converters.limited_logits import HIGH, LOW, limit_logits
from edgemm.converters.parts import detection_parts
from edgemm.converters.passes import canonicalize
from edgemm.converters.passes.dead_code import remove_dead_code
from edgemm.converters.passes.rewrite import data_of, shape_of
from edgemm.converters.piece import Piece
from edgemm.errors import CardError
from edgemm.tasks.detection.recipe import DetectionRecipe
from edgemm.tasks.segmentation.form import Form, find_form
from edgemm.tasks.segmentation.recipe import SegmentationRecipe
from edgemm.tensors import TensorSpec

Arrays = Mapping[str, npt.NDArray[Any]]
SOFTMAX = ("Softmax", "LogSoftmax")
_BYTE = 256


@dataclass(frozen=True, slots=True)
class ClassMap:
    """The scores of an output have become the numbers of the classes with the highest."""

    name: str
    source: str
    axis: int
    dtype: str
    softmax: str = ""
    """Operator that made the scores, left out of the graph because it keeps their order; "" for none."""

    def of(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Scores -> classes; the first of equals, as in the file."""
        return np.asarray(np.argmax(array, self.axis), self.dtype)


def pieces_of(outputs: Arrays, pieces: Sequence[Piece]) -> dict[str, npt.NDArray[Any]]:
    """The source's answers as the file gives them; outputs that nothing was made of stay as they are.

    Answers that have that form already, of the canonical graph, stay as they are too.
    """
    made = {each.name: each.of(outputs[each.source]) for each in pieces if each.source in outputs}
    gone = {each.source for each in pieces}
    return {name: array for name, array in outputs.items() if name not in gone} | made


def shape_outputs(
    model: ir.Model, card: ModelCard, *, keep_scores: bool = False, limits: bool = False
) -> tuple[ModelCard, tuple[Piece, ...], str]:
    """Changes the outputs of the canonical model in place, where the card's task says how.

    Args:
        model: canonical, with static shapes.
        card: fitted to the model.
        keep_scores: scores do not become classes, for machines that have no ArgMax of integers.
        limits: a detector's logits are limited to what its sigmoid shows, for a grid in even steps.

    Returns:
        The card, whose recipe is of the new outputs and which names none where they changed; what has become of the
        source's outputs; and a sentence about it. No pieces, and nothing is changed, where they stay as they are.
    """
    if card.task == "segmentation" and keep_scores:
        return card, (), ""
    recipe, pieces, said = _shaped(model, card)
    if limits and card.task == "detection":
        pieces, limited = limit_logits(model, recipe or DetectionRecipe(), len(card.labels), pieces)
        said = "; ".join(each for each in (said, _said_of_limits(limited)) if each)
    if not pieces:
        return card, (), ""
    canonicalize(model)
    return card.with_(recipe=recipe, outputs=()), pieces, f"{said}; --keep-outputs leaves it as it is"


def _said_of_limits(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ", ".join(map(repr, names))
    return f"output {listed} is limited to {LOW:g}..{HIGH:g}, beyond which its sigmoid shows no difference"


def _shaped(model: ir.Model, card: ModelCard) -> tuple[Any, tuple[Piece, ...], str]:
    if card.task == "detection":
        recipe, parts = detection_parts(model, card.recipe or DetectionRecipe(), card.labels)
        names = ", ".join(part.name for part in parts)
        return recipe, parts, f"output {parts[0].source!r} is written in parts, {names}" if parts else ""
    if card.task == "segmentation":
        return _segmentation(model, card.recipe or SegmentationRecipe(), card.labels)
    return card.recipe, (), ""


def _segmentation(
    model: ir.Model, recipe: SegmentationRecipe, labels: Sequence[str]
) -> tuple[SegmentationRecipe, tuple[ClassMap, ...], str]:
    """The scores that the decoder would read become classes."""
    form = _scores(model, recipe, len(labels))
    if form is None:
        return recipe, (), ""
    output = next(value for value in model.graph.outputs if value.name == form.spec.name)
    if output.producer() is None:
        return recipe, (), ""
    axis = form.row_axis + 2 if form.channels_last else form.row_axis - 1
    dtype = "uint8" if form.channels <= _BYTE else "int32"
    found = ClassMap(f"{output.name}_classes", str(output.name), axis, dtype, _final_softmax(output, axis))
    _append_argmax(model, output, found)
    changed = replace(recipe, output=found.name, kind="classes", layout="auto")
    said = (
        f"output {found.source!r} is written as the class with the highest score for each pixel, {found.name}"
    )
    return changed, (found,), said


def _scores(model: ir.Model, recipe: SegmentationRecipe, labels: int) -> Form | None:
    """The output with scores; None where there is none, or the scores themselves are wanted."""
    if recipe.smooth or recipe.kind in ("classes", "binary"):
        return None
    try:
        form = find_form(recipe, labels, _specs(model))
    except CardError:  # told where the file is decoded
        return None
    return form if form.kind == "scores" and form.spec.dtype.startswith("float") else None


def _specs(model: ir.Model) -> list[TensorSpec]:
    return [
        TensorSpec(str(value.name), shape_of(value), value.dtype.numpy().name)
        for value in model.graph.outputs
        if value.dtype is not None
    ]


def _final_softmax(output: ir.Value, axis: int) -> str:
    """The softmax over the classes that makes the output; "" where there is none."""
    node = output.producer()
    if node is None or node.op_type not in SOFTMAX or data_of(node).producer() is None:
        return ""
    return node.op_type if node.attributes.get_int("axis", -1) % len(shape_of(output)) == axis else ""


def with_scores(model: ir.Model, pieces: Sequence[Piece]) -> ir.Model:
    """A copy that gives the source's scores, under their names, in place of classes.

    The model itself where nothing has become classes, or passes have moved the axes of the scores.
    """
    maps = [each for each in pieces if isinstance(each, ClassMap)]
    copy = model.clone() if maps else model
    for each in maps:
        outputs = copy.graph.outputs
        index = [value.name for value in outputs].index(each.name)
        scores = _picked(outputs[index], each.axis)
        if scores is None:
            return model
        if each.softmax:
            axis = {"axis": each.axis}
            scores = _node(copy, each.softmax, scores, axis, each.source, shape_of(scores), "float32")
        scores.name = each.source
        outputs[index] = scores
    if maps:
        remove_dead_code(copy)
    return copy


def _picked(classes: ir.Value, axis: int) -> ir.Value | None:
    """The scores that an ArgMax along that axis picks from."""
    cast = classes.producer()
    pick = None if cast is None or cast.op_type != "Cast" else data_of(cast).producer()
    if pick is None or pick.op_type != "ArgMax" or pick.attributes.get_int("axis", 0) != axis:
        return None
    return data_of(pick)


def _append_argmax(model: ir.Model, output: ir.Value, made: ClassMap) -> None:
    node = output.producer()
    scores = data_of(node) if node is not None and made.softmax else output
    shape = tuple(size for at, size in enumerate(shape_of(output)) if at != made.axis)
    place = _node(
        model, "ArgMax", scores, {"axis": made.axis, "keepdims": 0}, f"{made.name}_int64", shape, "int64"
    )
    final = _node(model, "Cast", place, {"to": _kind(made.dtype).value}, made.name, shape, made.dtype)
    outputs = model.graph.outputs
    outputs[list(outputs).index(output)] = final


def _node(
    model: ir.Model,
    op_type: str,
    source: ir.Value,
    attributes: Mapping[str, int],
    name: str,
    shape: Sequence[int],
    dtype: str,
) -> ir.Value:
    value = ir.Value(name=name, shape=ir.Shape(tuple(shape)), type=ir.TensorType(_kind(dtype)))
    model.graph.append(ir.node(op_type, [source], attributes, outputs=[value], name=name))
    return value


def _kind(dtype: str) -> ir.DataType:
    return ir.DataType.from_numpy(np.dtype(dtype))
