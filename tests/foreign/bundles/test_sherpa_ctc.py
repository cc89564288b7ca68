"""Folders of sherpa-onnx with streaming CTC networks: seeded ones of the true names, against torch on the features that
Kaldi's own library gives."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kaldi_features import RATE, fbank
from needs import package
from sherpa_folders import quantized, streaming_ctc
from transducer_networks import BLANK, TOKENS, Encoder, lstm, melody, zipformer

import edgemm
from edgemm.errors import CardError
from edgemm.foreign.bundles import foreign_bundle
from edgemm.results import Transcript

pytestmark = pytest.mark.slow


def spoken(encoder: Encoder, head: Any, samples: Any, tail_s: float) -> list[tuple[str, float]]:
    """Token and seconds of what the whole recording says, by the best label of each step."""
    import torch

    span = ((encoder.frames - 1) * 160 + 400) / RATE
    silence = np.zeros(int(np.ceil((span + tail_s) * RATE)), np.float32)
    frames = fbank(np.concatenate([samples, silence]))
    steps = (len(frames) - encoder.frames) // encoder.chunk + 1
    seen = torch.from_numpy(frames[: (steps - 1) * encoder.chunk + encoder.frames])[None]
    with torch.no_grad():
        best = head(encoder.whole(seen)[0]).argmax(-1).tolist()
    at, found, step_s = 0, [], steps * encoder.chunk * 160 / RATE / len(best)
    for label, run in groupby(best):
        if label != BLANK and TOKENS[label] != "<unk>":
            found.append((TOKENS[label], at * step_s - 120 / RATE))
        at += len(list(run))
    return found


@pytest.mark.parametrize(("kind", "make"), [("zipformer2", zipformer), ("lstm", lstm)])
def test_a_folder_is_run_as_torch_runs_it_on_kaldis_features(
    tmp_path: Path, kind: str, make: Callable[[Any], Encoder]
) -> None:
    package("torch")
    encoder = make(fbank(np.repeat(melody(2.0, 99), 2)))
    head = streaming_ctc(tmp_path, encoder, kind)
    samples = np.repeat(melody(3.0, 0), 2)
    with edgemm.load(tmp_path, search="greedy", endpoint_s=0.0) as bundle:
        recipe = bundle.card.recipe
        found = bundle(samples, sample_rate=RATE)
    expected = spoken(encoder, head, samples, recipe.tail_s)
    assert isinstance(found, Transcript)
    text = "".join(token for token, _ in expected).replace("▁", " ")
    assert len(set(text)) > 4  # it says something
    assert found.text.split() == text.split()
    begins = [begin for token, begin in expected if token.startswith("▁") and token != "▁"]
    late = [min(abs(begin - word.begin_s) for word in found.words) for begin in begins]
    assert max(late) < 0.04 + 1e-3  # the alignment may give a token's run another first step


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package("torch")
    streaming_ctc(tmp_path, lstm(), "lstm")
    return tmp_path


def test_int8_is_taken_over_float_unless_asked(folder: Path) -> None:
    quantized(folder / "model.onnx")
    for precision, name in (("int8", "model.int8.onnx"), ("float", "model.onnx")):
        card = foreign_bundle(folder, precision)  # type: ignore[arg-type]
        assert card is not None
        assert card.parts["model"].file == name


def test_a_network_for_whole_recordings_is_refused(folder: Path) -> None:
    onnx = package("onnx")
    model = onnx.load(folder / "model.onnx")
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = "model_type", "EncDecCTCModelBPE"
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(
        CardError, match=r"found model_type 'EncDecCTCModelBPE' .*One for whole recordings does not"
    ):
        edgemm.load(folder)


def test_a_network_that_speaks_is_none_of_these(folder: Path) -> None:
    onnx = package("onnx")
    model = onnx.load(folder / "model.onnx")
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = "model_type", "vits"
    onnx.save(model, folder / "model.onnx")
    assert foreign_bundle(folder) is None


def test_two_networks_are_refused(folder: Path) -> None:
    (folder / "ctc-epoch-3.onnx").write_bytes(b"")
    with pytest.raises(
        CardError, match=r"expected one model.onnx or ctc-\*.onnx, found ctc-epoch-3.onnx, model"
    ):
        edgemm.load(folder)
