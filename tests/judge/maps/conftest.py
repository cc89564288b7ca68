"""Networks whose maps are known: each looks at one place, at one band of frequencies, or for one word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from attending import LABELS, attending, written
from needs import needs, package

import edgemm
from edgemm.card import AudioRecipe, ImageRecipe, InputCard, ModelCard, OutputCard, TextRecipe
from edgemm.opencv import opencv
from edgemm.tasks.keyword import KeywordRecipe

BRIGHT_ROWS, BRIGHT_COLUMNS = slice(3, 6), slice(9, 12)
SIDE = 16
RATE = 8000
HEARD_FRAMES, HEARD_MEL = slice(20, 25), 12
"""0.4 to 0.5 s; see `band`."""
WORDS = b"<pad>\n<unk>\nthe\nroom\nwas\nclean\nand\nquiet\n"


@pytest.fixture(autouse=True)
def runtimes() -> None:
    package("onnx")
    pytest.importorskip("onnxruntime")


OUTPUTS = (OutputCard("logits", (1, 2), "logits"),)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[edgemm.Model]:
    """Whether nine pixels of a grey picture of 16 x 16 are bright."""
    needs(opencv)
    where = np.zeros((1, 1, SIDE, SIDE))
    where[0, 0, BRIGHT_ROWS, BRIGHT_COLUMNS] = 1 / 9
    inputs = (
        InputCard("x", "image", (1, 1, SIDE, SIDE), "NCHW", image=ImageRecipe(color="gray", scale=1 / 255)),
    )
    card = ModelCard(task="classification", inputs=inputs, outputs=OUTPUTS, labels=LABELS)
    with edgemm.load(written(tmp_path, attending(where, 12.0, -6.0, "x"), card)) as model:
        yield model


@pytest.fixture
def band(tmp_path: Path) -> Iterator[edgemm.Model]:
    """Whether one mel band, around 1 kHz, is loud from 0.4 to 0.5 s."""
    recipe = AudioRecipe(
        sample_rate=RATE, feature="logmel", window=200, hop=160, n_fft=256, n_mels=24, fmin=100.0, fmax=3800.0,
        log_offset=1e-6, frames=50,
    )  # fmt: skip
    where = np.zeros((1, 1, 50, 24))
    where[0, 0, HEARD_FRAMES, HEARD_MEL] = 1 / 5
    card = ModelCard(
        task="keyword",
        inputs=(InputCard("x", "audio", (1, 1, 50, 24), "NCTF", audio=recipe),),
        outputs=OUTPUTS,
        labels=LABELS,
        recipe=KeywordRecipe(background=("not there",)),
    )
    with edgemm.load(written(tmp_path, attending(where, 1.0, 5.0, "x"), card)) as model:
        yield model


@pytest.fixture
def word(tmp_path: Path) -> Iterator[edgemm.Model]:
    """Whether "clean" is in a text: each of its ids counts what its row of a table says."""
    from onnx import TensorProto, helper, numpy_helper

    table = np.zeros((8, 2), np.float32)
    table[5, 0] = 4.0
    nodes = [
        helper.make_node("Gather", ["table", "x"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "middle"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "bias"], ["logits"]),
    ]
    constants = {
        "table": table,
        "middle": np.array([1], np.int64),
        "bias": np.array([[-2.0, 0.0]], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "word",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [1, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(array, each) for each, array in constants.items()],
    )
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    text = TextRecipe(tokenizer="words", vocabulary="words.txt", unknown=1, pad=0)
    card = ModelCard(
        task="classification",
        inputs=(InputCard("x", "text", (1, 8), role="ids", text=text),),
        outputs=OUTPUTS,
        labels=LABELS,
        files={"words.txt": WORDS},
    )
    with edgemm.load(written(tmp_path, content.SerializeToString(), card)) as model:
        yield model
