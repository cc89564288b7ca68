"""Folders of sherpa-onnx with Whisper: seeded networks of the true names, against torch without a cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package
from whisper_folders import BANDS, END, ENGLISH, GERMAN, SILENT, START, TRANSCRIBE, WORDS, write

import edgemm
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.results import Transcript
from edgemm.session import Cancellation
from edgemm.tasks.attention.sound import WindowOfFrames
from edgemm.tasks.attention.vocabulary import Vocabulary
from edgemm.tasks.attention.writing import Writer

pytestmark = pytest.mark.slow
RATE = 16000


@pytest.mark.parametrize(
    ("language", "token", "cut"), [("", ENGLISH, False), ("de", GERMAN, False), ("", ENGLISH, True)]
)
def test_a_folder_writes_with_its_cache_what_torch_writes_without(
    tmp_path: Path, language: str, token: int, cut: bool
) -> None:
    torch = package("torch")
    made = write(tmp_path, cut=cut)
    draw = np.random.default_rng(3)
    tones = [np.sin(np.arange(800) * draw.uniform(0.02, 1.5)) * draw.uniform(0.1, 0.9) for _ in range(30)]
    samples = np.concatenate(tones).astype(np.float32)
    options: dict[str, Any] = {"language": language} if language else {}
    with edgemm.load_bundle(tmp_path, **options) as bundle:
        assert isinstance(bundle(samples, sample_rate=RATE), Transcript)
        recipe: Any = bundle.card.recipe
        parts = bundle.part("encoder"), bundle.part("decoder")
        found = Writer(recipe, *parts, len(WORDS), Cancellation()).write(samples)
        for part in parts:
            part.close()
        words = Vocabulary((tmp_path / "tiny-tokens.txt").read_bytes(), recipe)
    assert found is not None
    tokens = [each for each in found.tokens if each != END]
    assert recipe.prompt == (START, ENGLISH, TRANSCRIBE, SILENT)
    assert (recipe.audio.n_mels, recipe.longest_text) == (BANDS, 16)
    with torch.no_grad():
        cross = made.encoder(torch.from_numpy(WindowOfFrames(recipe.audio)(samples).T[None]))
        said = [START, token, TRANSCRIBE, SILENT]
        while len(said) < 16 and (len(said) == 4 or said[-1] != END):
            scores = made.whole(torch.tensor([said]), *cross)[0, -1]
            scores[[7, *([END, 0] if len(said) == 4 else [])]] = -torch.inf
            said.append(int(scores.argmax()))
    assert tokens == [each for each in said[4:] if each != END]
    assert tokens
    assert words.text([0, 2, 3, 4, 5]) == "one three äpfel"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model_type", "zipformer", "expected model_type whisper-... in its metadata, found 'zipformer'"),
        ("eot", "x", "metadata eot: expected numbers, found 'x'"),
        ("n_vocab", "", "metadata n_vocab: expected a number"),
        ("all_language_codes", "en", "as many all_language_codes as all_language_tokens, found 1 and 2"),
    ],
)
def test_metadata_of_something_else_are_refused(tmp_path: Path, key: str, value: str, message: str) -> None:
    onnx = package("onnx")
    write(tmp_path)
    model = onnx.load(tmp_path / "tiny-encoder.onnx")
    next(each for each in model.metadata_props if each.key == key).value = value
    onnx.save(model, tmp_path / "tiny-encoder.onnx")
    with pytest.raises(CardError, match=message):
        edgemm.load(tmp_path)


def test_a_missing_decoder_is_said(tmp_path: Path) -> None:
    package("torch")
    write(tmp_path)
    (tmp_path / "tiny-decoder.onnx").unlink()
    with pytest.raises(
        CardError, match=r"decoder: expected NAME-decoder.onnx in the folder, found tiny-encoder.onnx"
    ):
        edgemm.load(tmp_path)


def test_moonshine_in_four_networks_is_told(tmp_path: Path) -> None:
    for name in ("preprocess", "encode.int8", "uncached_decode.int8", "cached_decode.int8"):
        (tmp_path / f"{name}.onnx").write_bytes(b"")
    (tmp_path / "tokens.txt").write_text("a 0\n")
    with pytest.raises(
        UnsupportedVersion, match=r"expected Moonshine in two networks.*found its older form in four"
    ):
        edgemm.load(tmp_path)
