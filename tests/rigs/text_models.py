"""Models of text small enough to compute by hand: a table of embeddings, and what is made of its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgemm.card import InputCard, ModelCard, OutputCard, TextRecipe

IDS, TOKENS, NUMBERS = 300, 8, 4
LABELS = ("no", "yes")
TABLE: npt.NDArray[np.float32] = np.random.default_rng(5).normal(size=(IDS, NUMBERS)).astype(np.float32)
WEIGHTS: npt.NDArray[np.float32] = np.random.default_rng(6).normal(size=(NUMBERS, 2)).astype(np.float32)


def bytes_recipe(**changes: Any) -> TextRecipe:
    """Bytes from id 10 on, between ids 1 and 2; 3 between two texts."""
    given: dict[str, Any] = {"before": (1,), "between": (3,), "after": (2,), "offset": 10}
    return TextRecipe(tokenizer="bytes", **{**given, **changes})


def text_card(recipe: TextRecipe | None = None, task: str = "embedding", **changes: Any) -> ModelCard:
    """Of the models below."""
    from edgemm.tasks.embedding import EmbeddingRecipe

    inputs = (
        InputCard("ids", "text", role="ids", text=recipe or bytes_recipe()),
        InputCard("mask", "text", role="mask"),
        InputCard("types", "text", role="types"),
    )
    if task == "embedding":
        section = EmbeddingRecipe(pooling="mean")
        return ModelCard(task=task, inputs=inputs, recipe=section, **changes)
    outputs = (OutputCard("scores", decode="logits"),)
    return ModelCard(task=task, inputs=inputs, outputs=outputs, labels=LABELS, **changes)


def text_model(task: str = "embedding", tokens: int | str = TOKENS, rows: int = IDS) -> bytes:
    """An .onnx file: ids, mask and types int64[1, tokens] -> rows of TABLE plus types, or two scores.

    Args:
        tokens: a name to leave their number open.
        rows: of the table.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    def ints(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", tokens])

    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["found"]),
        helper.make_node("Cast", ["types"], ["typed"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["mask"], ["masked"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["typed", "last"], ["typed3"]),
        helper.make_node("Unsqueeze", ["masked", "last"], ["masked3"]),
        helper.make_node("Add", ["found", "typed3"], ["hidden"]),
        helper.make_node("Mul", ["hidden", "masked3"], ["shown"]),
    ]
    tables = {"table": TABLE[:rows], "last": np.array([2], np.int64)}
    if task == "embedding":
        out, shape = "shown", ["batch", tokens, NUMBERS]
    else:
        nodes += [
            helper.make_node("ReduceSum", ["shown", "middle"], ["sum"], keepdims=0),
            helper.make_node("MatMul", ["sum", "weights"], ["scores"]),
        ]
        tables |= {"middle": np.array([1], np.int64), "weights": WEIGHTS}
        out, shape = "scores", ["batch", 2]
    graph = helper.make_graph(
        nodes,
        "text",
        [ints("ids"), ints("mask"), ints("types")],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(array, name) for name, array in tables.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def hidden_by_hand(ids: list[int], types: list[int]) -> npt.NDArray[np.float64]:
    """float64[tokens, NUMBERS] of the tokens that there are."""
    return np.stack([TABLE[each].astype(np.float64) + kind for each, kind in zip(ids, types, strict=True)])


def embedding_by_hand(ids: list[int], types: list[int]) -> npt.NDArray[np.float64]:
    """Their mean, of length 1."""
    mean = hidden_by_hand(ids, types).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))
