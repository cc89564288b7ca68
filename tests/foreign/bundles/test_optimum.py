"""Folders that optimum exports translators to: seeded networks of the true names, against torch without a cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from needs import package
from optimum_folders import END, PAD, WORDS, Networks, folder_of, networks

import edgemm
from edgemm.errors import CardError
from edgemm.foreign.bundles import foreign_bundle

pytestmark = pytest.mark.slow
TEXTS = ("one two three", "nine", "four five six seven eight", "ten ten one")


@pytest.fixture(scope="module")
def made() -> Networks:
    package("torch")
    return networks()


@pytest.fixture
def folder(tmp_path: Path, made: Networks) -> Path:
    return folder_of(tmp_path, made)


def greedy(made: Networks, text: str, most: int) -> list[str]:
    """Word by word, all of it anew for each."""
    import torch

    ids = torch.tensor([[*(WORDS.index(word) for word in text.split()), END]])
    mask = torch.ones_like(ids)
    written = [PAD]
    with torch.no_grad():
        memory = made.encoder(ids, mask)
        while len(written) <= most and written[-1] != END:
            scores = made.whole(torch.tensor([written]), memory, mask)[0, -1]
            scores[PAD] = -torch.inf
            written.append(int(scores.argmax()))
    return [WORDS[each] for each in written[1:] if each != END and each > 2]


@pytest.mark.parametrize("inside", ["", "onnx"])
def test_a_folder_writes_with_its_cache_what_torch_writes_without(
    tmp_path: Path, made: Networks, inside: str
) -> None:
    folder_of(tmp_path, made, inside=inside)
    expected = [greedy(made, text, 10) for text in TEXTS]
    assert len({tuple(each) for each in expected}) > 2  # it depends on what is read
    assert max(map(len, expected)) > 3
    with edgemm.load(tmp_path) as bundle:
        found: list[Any] = [bundle(text) for text in TEXTS]
        recipe: Any = bundle.card.recipe
    assert [each.text.split() for each in found] == expected
    assert (recipe.begin, recipe.end, recipe.suppressed, recipe.most_tokens) == ((PAD,), (END,), (PAD,), 10)


def test_caches_of_the_decoder_grow_and_those_of_the_encoder_are_given_once(folder: Path) -> None:
    card = foreign_bundle(folder)
    assert card is not None
    part = card.parts["decoder"].card
    assert part is not None
    kinds = {pair.input: (pair.output, pair.kind) for pair in part.states}
    assert len(kinds) == 8
    assert kinds["past_key_values.1.decoder.value"] == ("present.1.decoder.value", "grow")
    assert kinds["past_key_values.0.encoder.key"] == ("present.0.encoder.key", "first-run")


def test_quantized_is_taken_over_float_unless_asked(folder: Path) -> None:
    for name in ("encoder_model", "decoder_model_merged"):
        for kind in ("_int8", "_quantized", "_fp16", "_q4"):
            (folder / f"{name}{kind}.onnx").write_bytes((folder / f"{name}.onnx").read_bytes())
    for precision, ending in (("int8", "_quantized.onnx"), ("float", ".onnx")):
        card = foreign_bundle(folder, precision)  # type: ignore[arg-type]
        assert card is not None
        assert card.parts["encoder"].file == f"encoder_model{ending}"
        assert card.parts["decoder"].file == f"decoder_model_merged{ending}"


def test_two_files_for_the_two_ways_are_refused(folder: Path) -> None:
    (folder / "decoder_model_merged.onnx").rename(folder / "decoder_model.onnx")
    (folder / "decoder_with_past_model.onnx").write_bytes(b"")
    with pytest.raises(
        CardError,
        match=r"expected decoder_model_merged.onnx, .*; found decoder_model.onnx, decoder_with_past_model",
    ):
        edgemm.load(folder)


def test_a_folder_without_its_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(
        CardError, match=r"tokenizer: expected tokenizer.json in the folder, found config.json"
    ):
        edgemm.load(folder)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "speecht5"}, "model_type 'speecht5' takes sound"),
        ({"eos_token_id": None}, "eos_token_id: expected the id of a token, found none"),
        ({"eos_token_id": "</s>"}, "eos_token_id: expected ids from 0 on, found '</s>'"),
        ({"num_beams": 2.5}, "num_beams: expected a whole number, found '2.5'"),
        ({"bad_words_ids": 5}, "bad_words_ids: expected a list, found '5'"),
    ],
)
def test_settings_that_make_no_translator_are_refused(
    folder: Path, config: dict[str, Any], message: str
) -> None:
    said = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(said))
    with pytest.raises(CardError, match=message):
        edgemm.load(folder)
