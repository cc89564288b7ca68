"""Attention decoders with caches of fixed length become .tflite and write what torch writes without a cache."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package

package("torch")

import optimum_folders  # noqa: E402
import whisper_folders  # noqa: E402
from listening import RATE, ROOM, Samples, bundle, sound  # noqa: E402
from listening_samples import (  # noqa: E402
    RECIPE,
    STRIDE,
    by_torch,
    decoder_file,
    encoder_file,
    steps,
    write,
)

import edgemm  # noqa: E402
from edgemm.converters import BundleConversion, convert_bundle  # noqa: E402
from edgemm.errors import CardError, EdgemmError  # noqa: E402
from edgemm.media import AudioBlock  # noqa: E402
from edgemm.session import Cancellation  # noqa: E402
from edgemm.tasks.attention.writing import Writer  # noqa: E402

pytestmark = pytest.mark.slow
CLIPS = tuple(
    sound(length_s, (0.5, length_s - 0.6), seed=at) for at, length_s in enumerate((1.6, 2.0, 2.7, 3.1))
)
LENGTHS = {"encoder.samples": [(1, 48000), (1, 24000)]}


def blocks() -> list[AudioBlock]:
    return [AudioBlock(each, RATE, 0, 0) for each in CLIPS]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def converted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> BundleConversion:
    output = tmp_path_factory.mktemp("made") / "x.zip"
    return convert_bundle(
        source, output=output, calibrate=blocks(), evaluate=blocks(), scheme="float", lengths=LENGTHS
    )


def expected(samples: Samples, said: Any) -> str:
    """Of the stretch that a result is made of."""
    begin, end = (round(each * RATE) for each in (max(0.0, said.start_s - 0.3), said.end_s + 0.3))
    part = samples[begin:end]
    return by_torch(part, 6 + int(np.ceil(len(part) / RATE * 10)))


def test_both_lengths_write_what_torch_writes(converted: BundleConversion) -> None:
    assert {role: each.file for role, each in converted.parts.items()} == {
        "encoder": "encoder.tflite", "decoder": "decoder.tflite",
    }  # fmt: skip
    with edgemm.load_bundle(converted.output) as made, steps(made) as (session, taken):
        used = []
        for samples in CLIPS:
            taken.clear()
            said = session.whole(AudioBlock(samples, RATE, 0, 0))
            assert said.text == expected(samples, said)
            assert len(said.text.split()) > 4
            (signature,) = {name for _, name in taken}
            used.append(signature)
    assert used == ["length_24000", "length_24000", "length_48000", "length_48000"]


def test_it_can_be_verified(converted: BundleConversion) -> None:
    with edgemm.load_bundle(converted.output) as made:
        outcomes = made.replay_goldens()
    assert {each.output.partition(":")[0] for each in outcomes} == {"encoder", "decoder"}
    assert all(each.ok for each in outcomes)


def test_its_scores_are_the_sources_over_the_sources_steps(converted: BundleConversion) -> None:
    together = converted.together
    assert together is not None
    assert together.forced is not None
    assert (together.same, together.forced.top1_agreement) == (1.0, 1.0)
    assert together.forced.steps > 40
    assert together.forced.snr_db > 80


def test_what_is_longer_than_the_encoder_takes_is_divided(converted: BundleConversion) -> None:
    samples = sound(9.0, (0.5, 8.5))
    with edgemm.load_bundle(converted.output) as made:
        assert len(made(samples, sample_rate=RATE).to_json()["text"].split()) > 20


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_int8_weights_write_nearly_the_same(source: Path, tmp_path: Path, format_: Any) -> None:
    done = convert_bundle(
        source, output=tmp_path / "x.zip", format=format_, calibrate=blocks(), evaluate=blocks(),
        scheme="dynamic", gate="off", lengths={"encoder.samples": (1, 48000)},
    )  # fmt: skip
    assert done.together is not None
    assert done.together.forced is not None
    assert done.together.forced.top1_agreement > 0.85
    assert 10 < done.together.forced.snr_db < 60


def test_the_length_is_the_largest_in_the_data_where_none_is_given(source: Path, tmp_path: Path) -> None:
    done = convert_bundle(source, output=tmp_path / "x.zip", calibrate=blocks(), scheme="float")
    with edgemm.load_bundle(tmp_path / "x.zip") as made:
        shapes = {spec.name: spec.shape for spec in made.models["encoder"].inputs}
        length = shapes["samples"][1]
        assert shapes["samples_mask"] == (1, length)
        assert 2.2 * RATE < length < 2.8 * RATE
        said = made(CLIPS[0], sample_rate=RATE)
        assert said.to_json()["text"] == expected(CLIPS[0], said)
    assert any("the largest in the data" in note for note in done.notes)


def test_a_cache_goes_on_in_a_longer_one(source: Path, tmp_path: Path) -> None:
    from edgemm.converters import convert, merge_signatures

    frames = 48000 // STRIDE
    short, long = (
        convert(
            decoder_file(tmp_path / f"{room}.onnx", room, frames),
            output=tmp_path / f"{room}.tflite",
            scheme="float",
        ).output
        for room in (8, ROOM)
    )
    merged = tmp_path / "decoder.tflite"
    merge_signatures({"long": long, "short": short}, merged)
    with edgemm.load_bundle(source) as open_bundle:
        encoder = convert(
            open_bundle.bundle.part_path("encoder"), output=tmp_path / "encoder.tflite", scheme="float",
            shapes={"samples": (1, 48000), "samples_mask": (1, 48000)},
        ).output  # fmt: skip
    path = bundle({"encoder": encoder, "decoder": merged}, tmp_path / "x.zip", RECIPE)
    with edgemm.load_bundle(path) as made, steps(made) as (session, taken):
        said = session.whole(AudioBlock(CLIPS[3], RATE, 0, 0))
    assert said.text == expected(CLIPS[3], said)
    assert [name for role, name in taken if role == "decoder"] == ["short"] * 8 + ["long"] * (len(taken) - 9)
    assert len(taken) > 20


def test_no_more_is_written_than_the_cache_has_room_for(tmp_path: Path) -> None:
    path = write(tmp_path, decoder=decoder_file(tmp_path / "decoder.onnx", 8))
    with edgemm.load_bundle(path) as made:
        said = made(CLIPS[3], sample_rate=RATE)
    begin, end = (round(each * RATE) for each in (said.start_s - 0.3, said.end_s + 0.3))  # type: ignore[attr-defined]
    assert said.to_json()["text"] == by_torch(CLIPS[3][begin:end], 100, room=8)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"cache_mask": "cash_mask"}, "cache_mask: expected one of token, position.*found 'cash_mask'"),
        (
            {"cache_mask": "hidden_mask"},
            r"cache_mask: expected a mask over a cache of fixed length.*\[1, -1\]",
        ),
        (
            {"prompt": (1,) * 25},
            "cache_mask: expected a cache for the 25 tokens of the prompt, found one of 24",
        ),
    ],
)
def test_recipes_that_do_not_fit(tmp_path: Path, recipe: Any, said: str) -> None:
    path = write(tmp_path, replace(RECIPE, **recipe))
    with pytest.raises(CardError, match=said), edgemm.load_bundle(path):
        pass


def test_an_encoder_of_hardly_a_second_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgemmError, match=r"expected room for 1.2 s of sound or more, found 16000 samples"):
        convert_bundle(
            source, output=tmp_path / "x.zip", lengths={"encoder.samples": (1, 16000)}, scheme="float"
        )


def test_parts_of_two_models_are_told(tmp_path: Path) -> None:
    encoder = encoder_file(tmp_path / "encoder.onnx")
    other = decoder_file(tmp_path / "other.onnx", width=8)
    path = bundle({"encoder": encoder, "decoder": other}, tmp_path / "x.zip", RECIPE)
    with pytest.raises(CardError, match="parts of two models"), edgemm.load_bundle(path):
        pass


def test_a_folder_of_whisper_becomes_tflite(tmp_path: Path) -> None:
    folder = tmp_path / "whisper"
    folder.mkdir()
    whisper_folders.write(folder)
    done = convert_bundle(
        folder, output=tmp_path / "x.zip", calibrate=blocks(), evaluate=blocks(), scheme="float"
    )
    assert {each.file for each in done.parts.values()} == {"encoder.tflite", "decoder.tflite"}
    assert done.together is not None
    assert done.together.forced is not None
    assert (done.together.same, done.together.forced.top1_agreement) == (1.0, 1.0)
    written = []
    for path in (folder, tmp_path / "x.zip"):
        with edgemm.load_bundle(path) as made, ExitStack() as stack:
            recipe: Any = made.card.recipe
            encoder, decoder = (stack.enter_context(made.part(role)) for role in ("encoder", "decoder"))
            writer = Writer(recipe, encoder, decoder, len(whisper_folders.WORDS), Cancellation())
            written.append([getattr(writer.write(samples), "tokens", ()) for samples in CLIPS])
    assert written[0] == written[1]
    assert len(set(written[0])) > 1


def test_a_decoder_that_cuts_its_cache_at_the_position_stays_and_says_so(tmp_path: Path) -> None:
    """As the export script of sherpa-onnx does."""
    folder = tmp_path / "whisper"
    folder.mkdir()
    whisper_folders.write(folder, cut=True)
    done = convert_bundle(folder, output=tmp_path / "x.zip", calibrate=blocks(), scheme="float")
    assert done.parts["encoder"].file == "encoder.tflite"
    assert done.parts["decoder"].file == "tiny-decoder.onnx"
    assert "(Slice): the shape of its result depends on the data" in done.parts["decoder"].kept
    assert done.parts["decoder"].kept.endswith("export it whole, with a mask laid over it")
    assert done.together is not None
    assert done.together.same == 1.0


def test_a_decoder_whose_cache_grows_stays_and_says_what_to_export(tmp_path: Path) -> None:
    folder = optimum_folders.speech_folder(
        tmp_path / "moonshine",
        optimum_folders.networks(),
        optimum_folders.speech_encoder("moonshine"),
        "moonshine",
    )
    done = convert_bundle(folder, output=tmp_path / "x.zip", calibrate=blocks(), scheme="float")
    assert done.parts["encoder"].file == "encoder.tflite"
    assert "grows with each step, and a converted file has fixed sizes" in done.parts["decoder"].kept
    assert done.parts["decoder"].kept.endswith(
        "Export it with a cache of a fixed length and a mask to convert it"
    )
    assert done.together is not None
    assert done.together.same == 1.0
