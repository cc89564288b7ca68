"""A sentence embedder in edgemm, by a card alone: its tokens against BERT's tokenizer by hand, its vectors against the
same network driven by hand."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterator

import numpy as np
import pytest
from needs import package
from slow_wordpiece import tokens

import edgemm
from edgemm.card import TextRecipe
from edgemm.preprocess.text.tokenizer import Tokenizer, make_tokenizer
from edgemm.results import Embedding
from tests.by_hand.shared_files import shared

for each in ("tokenizers", "onnxruntime"):
    package(each)
pytestmark = pytest.mark.shared
MODEL, TOKENIZER = "models/minilm_l6_v2_int8.onnx", "models/minilm_tokenizer.json"
REVIEWS = "data/sst2/train.tsv"
LENGTH = 128
CARD = {
    "task": "embedding",
    "inputs": [
        {"name": "input_ids", "modality": "text", "role": "ids",
         "text": {"vocabulary": "minilm_tokenizer.json", "length": LENGTH}},
        {"name": "attention_mask", "modality": "text", "role": "mask"},
        {"name": "token_type_ids", "modality": "text", "role": "types"},
    ],
    "outputs": [{"name": "last_hidden_state", "shape": [1, LENGTH, 384]}],
    "embedding": {"pooling": "mean"},
}  # fmt: skip


@pytest.fixture(scope="module")
def sentences(vocabulary: dict[str, int]) -> dict[str, list[int]]:
    """Sentence -> its ids by hand."""
    lines = shared(REVIEWS).read_text(encoding="utf-8").splitlines()[:5500]
    return by_hand([line.partition("\t")[0] for line in lines], vocabulary)


@pytest.fixture(scope="module")
def characters(vocabulary: dict[str, int]) -> dict[str, list[int]]:
    """A sample of the characters that have been what they are since Unicode 3.2: the package's tables are older than
    Python's."""
    then, now = unicodedata.ucd_3_2_0.category, unicodedata.category
    known = [
        each
        for each in map(chr, range(1, sys.maxunicode))
        if then(each) == now(each) not in ("Cn", "Cs", "Co")
    ]
    some = [*known[:3000], *known[3000::25]]
    return by_hand([f"a{each}b {each}" for each in some], vocabulary)


def by_hand(texts: list[str], vocabulary: dict[str, int]) -> dict[str, list[int]]:
    return {text: [101, *tokens(text, vocabulary, lowercase=True)[: LENGTH - 2], 102] for text in texts}


@pytest.fixture(scope="module")
def vocabulary() -> dict[str, int]:
    content = json.loads(shared(TOKENIZER).read_bytes())
    found: dict[str, int] = content["model"]["vocab"]
    return found


@pytest.fixture(scope="module", params=["json", "wordpiece"])
def tokenizer(request: pytest.FixtureRequest, vocabulary: dict[str, int]) -> Tokenizer:
    if request.param == "json":
        recipe = TextRecipe(vocabulary="tokenizer.json")
        return make_tokenizer(recipe, LENGTH, shared(TOKENIZER).read_bytes())
    recipe = TextRecipe(tokenizer="wordpiece", vocabulary="vocab.txt", lowercase=True)
    words = "\n".join(sorted(vocabulary, key=vocabulary.__getitem__))
    return make_tokenizer(recipe, LENGTH, words.encode())


def test_sentences_have_the_tokens_of_berts_own_tokenizer(
    tokenizer: Tokenizer, sentences: dict[str, list[int]]
) -> None:
    assert len(sentences) > 5000
    assert [text for text, ids in sentences.items() if tokenizer(text, None).ids != ids] == []


def test_odd_characters_are_divided_as_by_berts_own_tokenizer(
    tokenizer: Tokenizer, characters: dict[str, list[int]]
) -> None:
    assert len(characters) > 5000
    assert [ascii(text) for text, ids in characters.items() if tokenizer(text, None).ids != ids] == []


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[edgemm.Model]:
    folder = tmp_path_factory.mktemp("text")
    shutil.copyfile(shared(TOKENIZER), folder / "minilm_tokenizer.json")
    (folder / "card.json").write_text(json.dumps(CARD))
    with edgemm.load(shared(MODEL), card=folder / "card.json") as loaded:
        yield loaded


def test_sentences_have_the_vectors_of_the_network_by_hand(
    model: edgemm.Model, vocabulary: dict[str, int]
) -> None:
    """At its own length, without padding: ONNX Runtime differs by some 1e-6 with the number of rows."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(shared(MODEL)), providers=["CPUExecutionProvider"])
    for text in ("a stirring , funny and finally transporting film", "Café!", "x"):
        ids = np.array([[101, *tokens(text, vocabulary, lowercase=True), 102]])
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = session.run(None, feeds)[0][0].astype(np.float64).mean(axis=0)
        found = model(text)
        assert isinstance(found, Embedding)
        np.testing.assert_allclose(found.vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_like_sentences_are_near(model: edgemm.Model) -> None:
    others = ["the stock market fell today", "what a great film", "my dog sleeps all day"]
    vectors = [model(each) for each in others]
    asked = model("a wonderful movie")
    assert isinstance(asked, Embedding)
    assert asked.nearest([each for each in vectors if isinstance(each, Embedding)])[0].place == 1
