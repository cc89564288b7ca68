"""Folders of sherpa-onnx with streaming transducers: seeded networks of the true names, against torch on the features
that Kaldi's own library gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from kaldi_features import RATE, fbank
from needs import package
from sherpa_folders import quantized, streaming_transducer
from transducer_networks import BLANK, CONTEXT, TOKENS, Encoder, lstm, melody, zipformer

import edgemm
from edgemm.artifact.bundle import write_bundle
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.foreign.bundles import foreign_bundle
from edgemm.results import Transcript

pytestmark = pytest.mark.slow


def greedy(encoder: Encoder, decoder: Any, joiner: Any, frames: npt.NDArray[np.float32]) -> str:
    import torch

    steps = (len(frames) - encoder.frames) // encoder.chunk + 1
    seen = torch.from_numpy(frames[: (steps - 1) * encoder.chunk + encoder.frames])
    said = [BLANK] * CONTEXT
    with torch.no_grad():
        for row in encoder.whole(seen[None])[0]:
            label = int(joiner(row[None], decoder(torch.tensor([said[-CONTEXT:]]))).argmax())
            said += [label] if label != BLANK else []
    text = "".join(TOKENS[each] for each in said[CONTEXT:] if TOKENS[each] != "<unk>")
    return " ".join(text.replace("▁", " ").split())


@pytest.mark.parametrize(("kind", "make"), [("zipformer2", zipformer), ("lstm", lstm)])
def test_a_folder_is_run_as_torch_runs_it_on_kaldis_features(
    tmp_path: Path, kind: str, make: Callable[[Any], Encoder]
) -> None:
    package("torch")
    encoder = make(fbank(np.repeat(melody(2.0, 99), 2)))
    decoder, joiner = streaming_transducer(tmp_path, encoder, kind)
    samples = np.repeat(melody(3.0, 0), 2)  # 16 kHz
    with edgemm.load(tmp_path) as bundle:
        recipe = bundle.card.recipe
        found = bundle(samples, sample_rate=RATE)
    span = ((encoder.frames - 1) * 160 + 400) / RATE
    silence = np.zeros(int(np.ceil((span + recipe.tail_s) * RATE)), np.float32)
    expected = greedy(encoder, decoder, joiner, fbank(np.concatenate([samples, silence])))
    assert isinstance(found, Transcript)
    assert len(set(found.text)) > 4  # it says something
    assert found.text == expected
    assert (recipe.context, recipe.blank, recipe.ignored) == (CONTEXT, BLANK, ("<unk>",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package("torch")
    path = tmp_path_factory.mktemp("folder")
    streaming_transducer(path, lstm(), "lstm")
    return path


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    for each in folder.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    return tmp_path


def files(card: Any) -> dict[str, str]:
    return {role: part.file for role, part in card.parts.items()}


def test_int8_is_taken_over_float_and_that_is_said(copied: Path) -> None:
    quantized(copied / "encoder-epoch-99-avg-1.onnx")
    card = foreign_bundle(copied)
    assert card is not None
    assert files(card)["encoder"] == "encoder-epoch-99-avg-1.int8.onnx"
    assert files(card)["decoder"] == "decoder-epoch-99-avg-1.onnx"
    assert card.extra["x-said"] == [
        "encoder: encoder-epoch-99-avg-1.int8.onnx was taken, encoder-epoch-99-avg-1.onnx is there too "
        "(precision 'int8')"
    ]
    card = foreign_bundle(copied, "float")
    assert card is not None
    assert files(card)["encoder"] == "encoder-epoch-99-avg-1.onnx"
    with edgemm.load_bundle(copied, precision="float") as bundle:
        assert bundle.card.parts["encoder"].file == "encoder-epoch-99-avg-1.onnx"
    with edgemm.load_bundle(copied) as bundle:
        assert bundle.card.parts["encoder"].file == "encoder-epoch-99-avg-1.int8.onnx"
        assert bundle(melody(1.0, 1), sample_rate=RATE).to_json()["final"] is True
    with pytest.raises(InputError, match=r"precision: expected .*int8.*found .?int4"):
        edgemm.load_bundle(copied, precision="int4")
    write_bundle(
        card, copied / "x.zip", files={each.file: copied / each.file for _, each in card.files()}
    ).close()
    with pytest.raises(InputError, match=r"precision: expected none, since its parts stand in bundle.json"):
        edgemm.load_bundle(copied / "x.zip", precision="float")


def test_what_a_folder_lacks_is_said(copied: Path) -> None:
    (copied / "joiner-epoch-99-avg-1.onnx").unlink()
    with pytest.raises(
        CardError,
        match=r"joiner: expected joiner-\*.onnx in the folder, found decoder-epoch-99-avg-1.onnx, encoder-epoch",
    ):
        edgemm.load(copied)


def test_what_a_folder_has_twice_is_said(copied: Path) -> None:
    (copied / "encoder-epoch-12-avg-2.onnx").write_bytes(b"")
    with pytest.raises(
        CardError,
        match=r"encoder: expected one encoder-.*found encoder-epoch-12-avg-2.onnx, encoder-epoch-99-avg-1.onnx",
    ):
        edgemm.load(copied)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokens.txt", b"a 0\n", "expected a score for each of the 1 tokens"),
        ("tokens.txt", b"nonsense", "tokens.txt: expected a token and its number in line 1"),
        ("encoder-epoch-99-avg-1.onnx", b"nonsense", "encoder-epoch-99-avg-1.onnx: "),
        ("encoder-epoch-99-avg-1.onnx", b"", "expected an encoder for streams, with T and decode_chunk_len"),
    ],
)
def test_files_of_something_else_are_refused(copied: Path, name: str, content: bytes, message: str) -> None:
    (copied / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        edgemm.load(copied)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"T": "8"}, r"its metadata say T 8, its input 'x' has \[-1, 9, 8\]"),
        ({"T": "x"}, "metadata T: expected a number from 1 on, found 'x'"),
        ({"decode_chunk_len": "20"}, "this kind of encoder is not known here"),
        ({"feature": "whisper"}, "expected filter banks as features, found 'whisper'"),
    ],
)
def test_metadata_that_the_tensors_contradict_are_refused(
    copied: Path, said: dict[str, str], message: str
) -> None:
    onnx = package("onnx")
    path = copied / "encoder-epoch-99-avg-1.onnx"
    model = onnx.load(path)
    for key, value in said.items():
        found = [each for each in model.metadata_props if each.key == key] or [model.metadata_props.add()]
        found[0].key, found[0].value = key, value
    onnx.save(model, path)
    with pytest.raises(CardError, match=message):
        edgemm.load(copied)


def test_an_encoder_for_whole_recordings_is_refused(copied: Path) -> None:
    onnx = package("onnx")
    path = copied / "encoder-epoch-99-avg-1.onnx"
    model = onnx.load(path)
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = "model_type", "zipformer2"
    onnx.save(model, path)
    with pytest.raises(
        CardError, match=r"found model_type 'zipformer2' .*One for whole recordings does not stream"
    ):
        edgemm.load(copied)


def test_another_folder_is_none_of_these(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    assert foreign_bundle(tmp_path) is None
