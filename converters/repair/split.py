"""Splits a last layer whose channels have very different ranges into layers of similar ones, each with its own scale.

Their outputs are joined in float, which costs no multiplication: boxes then have the scale of boxes, scores that of
scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx_ir as ir

from edgemm.converters.passes.draft import Draft
from edgemm.converters.passes.rewrite import Array, array_of, shape_of
from edgemm.converters.samples import Samples
from edgemm.converters.shared_scales import UNLIKE, Reach, channel_reaches, following, last_layers
from edgemm.quantize.fusion import fused_activation
from edgemm.quantize.plan import Plan

MAX_PARTS = 4


def split_scales(
    model: ir.Model, plan: Plan, samples: Samples, check: Callable[[], None] = lambda: None
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Splits every integer Conv and Gemm at the end of the graph whose channels are unlike, in place.

    Args:
        check: called for each sample; ends the search by raising.

    Returns:
        Names of the layers that were split, and of the nodes behind them, which are to stay float. The plan is to be
        made again.
    """
    able = [node for node in last_layers(model) if plan.is_int8(str(node.name)) and _can(node)]
    reaches = channel_reaches(model, able, samples, check)
    done: list[str] = []
    behind: set[str] = set()
    for node in able:
        parts = parts_of(reaches[str(node.name)])
        if 1 < len(parts) <= MAX_PARTS:
            done.append(str(node.name))
            behind |= {str(each.name) for each in following(node)}
            behind |= _split(node, parts)
    return tuple(done), frozenset(behind)


def _can(node: ir.Node) -> bool:
    """One group of channels, constant weights and bias, and nothing computed inside it."""
    return (
        node.op_type in ("Conv", "Gemm")
        and int(node.attributes.get_int("group", 1)) == 1
        and fused_activation(node) is None
        and all(index < len(node.inputs) and array_of(node.inputs[index]) is not None for index in (1, 2))
    )


def parts_of(reach: Reach) -> list[Array]:
    """Channel numbers, those together whose reaches are within UNLIKE of the largest among them."""
    order = np.argsort(-reach, kind="stable")
    parts: list[list[int]] = []
    for channel in order.tolist():
        if not parts or reach[parts[-1][0]] > UNLIKE * max(float(reach[channel]), 1e-12):
            parts.append([])
        parts[-1].append(channel)
    return [np.sort(np.array(part, np.int64)) for part in parts]


def _split(node: ir.Node, parts: Sequence[Array]) -> set[str]:
    """The layer as several, and names of the float nodes that join them."""
    draft = Draft(node)
    weights, bias = array_of(node.inputs[1]), array_of(node.inputs[2])
    if weights is None or bias is None:
        return set()
    shape = shape_of(node.outputs[0])
    values = [_part(draft, weights[part], bias[part], shape) for part in parts]
    joined = [draft.concat(values, axis=1)]
    order = np.concatenate(parts)
    if (order != np.arange(len(order))).any():
        joined.append(draft.gather(joined[0], np.argsort(order), axis=1))
    draft.becomes(joined[-1])
    makers = [value.producer() for value in joined]
    return {str(each.name) for each in makers if each is not None}


def _part(draft: Draft, weights: Array, bias: Array, shape: tuple[int, ...]) -> ir.Value:
    node = draft.node
    inputs = [draft.input(), draft.constant(weights), draft.constant(bias)]
    given = {name: each.value for name, each in node.attributes.items()}
    return draft.op(node.op_type, inputs, (shape[0], len(weights), *shape[2:]), **given)
