"""Voices whose files fix the length: ids are filled up, sentences divided, and what comes of the padding cut off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs
from small_voices import (
    FRAME,
    SYMBOLS,
    harmonics_network,
    mel_network,
    paced,
    paced_network,
    vocoder_network,
    write_voice,
)

import edgemm
from edgemm.errors import ArtifactError, CardError, ConversionError
from edgemm.litert_runtime import find_litert
from edgemm.media import Text
from edgemm.onnx_runtime import onnx_runtime

RECIPE: dict[str, Any] = {
    "phonemes": "characters", "lengths_input": "count", "lengths_output": "samples", "output": "output",
}  # fmt: skip

MEL = {"phonemes": "characters", "waveform": "vocoder"}


@pytest.fixture(autouse=True)
def _runtime() -> None:
    needs(onnx_runtime)


def ids(text: str) -> list[int]:
    return [SYMBOLS[each] for each in text]


def said(folder: Path, text: str) -> list[float]:
    with edgemm.load_bundle(folder) as voice:
        return voice(text).samples.tolist()  # type: ignore[attr-defined, no-any-return]


def of(tmp_path: Path, length: int | str, **changes: Any) -> Path:
    return write_voice(tmp_path / f"of_{length}", {**RECIPE, **changes}, {"acoustic": paced_network(length)})


@pytest.mark.parametrize("length", ["L", 16, 40])
def test_the_sound_is_that_of_the_ids_alone(tmp_path: Path, length: int | str) -> None:
    assert said(of(tmp_path, length), "hello you.") == pytest.approx(paced(ids("hello you.")), abs=1e-6)


def test_other_padding_is_not_heard(tmp_path: Path) -> None:
    assert said(of(tmp_path, 16, pad=7), "ab.") == pytest.approx(paced(ids("ab.")), abs=1e-6)


def test_a_longer_sentence_is_divided(tmp_path: Path) -> None:
    text = "first of all, then a word, and the end."
    with edgemm.load_bundle(of(tmp_path, 16)) as voice, closing(voice.session()) as session:
        found = [each.value for each in session.feed(Text(text, 0, 0), edgemm.session.NO_CLOCK)]
    assert len(found) > 2
    assert [each.final for each in found] == [False] * (len(found) - 1) + [True]
    heard = np.concatenate([each.samples for each in found]).tolist()  # type: ignore[attr-defined]
    spoken = [each for each in paced(ids(text)) if each != pytest.approx(0.01)]
    assert [each for each in heard if each != pytest.approx(0.01)] == pytest.approx(
        spoken, abs=1e-6
    )  # but for spaces


def test_a_word_longer_than_the_network_is_divided(tmp_path: Path) -> None:
    text = "abcdefghijklmnopqrstuvwxyz"
    assert said(of(tmp_path, 4), text) == pytest.approx(paced(ids(text)), abs=1e-6)


def test_ids_around_the_symbols_count(tmp_path: Path) -> None:
    changes = {"begin": [31], "behind_each": [0], "end": [30]}
    with edgemm.load_bundle(of(tmp_path, 7, **changes)) as voice:
        taken = paced([31, *(each for one in ids("ab") for each in (one, 0)), 30])
        assert voice("ab").samples.tolist() == pytest.approx(taken, abs=1e-6)  # type: ignore[attr-defined]
        found = voice("abc").samples  # type: ignore[attr-defined]
        assert found.tolist().count(pytest.approx(0.31)) == 2 * (1 + 31 % 3) * FRAME


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lengths of one .tflite file."""
    from edgemm.converters import convert_bundle

    needs(find_litert)
    root = tmp_path_factory.mktemp("voices")
    source = write_voice(root / "source", RECIPE, {"acoustic": paced_network()})
    output = root / "x.zip"
    convert_bundle(
        source, output=output, calibrate=["ab.", "hello you, ab cd.", "you and i go"], scheme="float",
        lengths={"acoustic.ids": [(1, 8), (1, 24)]},
    )  # fmt: skip
    return output


@pytest.mark.parametrize("text", ["ab.", "abcdefgh", "abcdefghi", "the quick fox jumps ok."])
def test_a_tflite_voice_of_two_lengths(converted: Path, text: str) -> None:
    assert said(converted, text) == pytest.approx(paced(ids(text)), abs=1e-5)  # float32 in other orders


def test_the_shortest_length_is_run(converted: Path) -> None:
    with edgemm.load_bundle(converted) as voice, closing(voice.session()) as session:
        part: Any = session._acoustic._part  # type: ignore[attr-defined]
        used: list[str] = []
        step = part.step

        def noted(feeds: Any, signature: str = "") -> Any:
            used.append(signature)
            return step(feeds, signature)

        part.step = noted
        for text in ("abcdefgh", "abcdefghi"):
            list(session.feed(Text(text, 0, 0), edgemm.session.NO_CLOCK))
    assert used == ["length_8", "length_24"]


def with_output(network: bytes, axis_size: int, told: Sequence[int]) -> bytes:
    """A network of fixed length with an output `told`, which is always the same."""
    from needs import package

    onnx = package("onnx")
    made = onnx.load_from_string(network)
    for value in made.graph.input[0].type.tensor_type.shape.dim:
        if value.dim_param:
            value.ClearField("dim_param")
            value.dim_value = axis_size
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array(told, np.int64), "always"))
    made.graph.node.append(onnx.helper.make_node("Identity", ["always"], ["told"]))
    made.graph.output.append(onnx.helper.make_tensor_value_info("told", onnx.TensorProto.INT64, [len(told)]))
    return bytes(made.SerializeToString())


def test_frames_of_a_spectrum_are_cut(tmp_path: Path) -> None:
    recipe = {
        "phonemes": "characters", "waveform": "harmonics", "speed_input": "speed", "n_fft": 160, "hop": 40,
        "highest_hz": 3900, "lengths_output": "told",
    }  # fmt: skip
    folders = [
        write_voice(
            tmp_path / str(told), recipe, {"acoustic": with_output(harmonics_network(81, 1000.0), 12, [told])}
        )
        for told in (12, 5)
    ]
    whole, cut = (np.array(said(each, "ab")) for each in folders)
    assert len(whole) - len(cut) == 7 * 40
    np.testing.assert_allclose(cut[: 3 * 40], whole[: 3 * 40], atol=1e-4)


def test_what_a_vocoder_makes_of_the_padding_is_cut(tmp_path: Path) -> None:
    recipe = {"phonemes": "characters", "waveform": "vocoder", "lengths_output": "told", "output": "mel"}
    parts = {"acoustic": with_output(mel_network(), 9, [3]), "vocoder": vocoder_network()}
    expected = [sign * each / 100 for each in ids("abc") for sign in (1, -1)]
    assert said(write_voice(tmp_path / "v", recipe, parts), "abc") == pytest.approx(expected, abs=1e-6)


def test_the_padding_is_the_id_that_the_recipe_names(tmp_path: Path) -> None:
    recipe = {**MEL, "lengths_output": "told", "output": "mel", "pad": 7}
    parts = {"acoustic": with_output(mel_network(), 9, [5]), "vocoder": vocoder_network()}
    expected = [sign * each / 100 for each in (*ids("abc"), 7, 7) for sign in (1, -1)]
    assert said(write_voice(tmp_path / "v", recipe, parts), "abc") == pytest.approx(expected, abs=1e-6)


def test_there_is_no_pause_within_a_sentence(tmp_path: Path) -> None:
    text = "abcdefghijklmnopqrstuvwxyz"
    assert said(of(tmp_path, 4, pause_s=0.5), text) == pytest.approx(paced(ids(text)), abs=1e-6)


@pytest.mark.parametrize("told", [[0], [-1], [321], [3, 4]])
def test_a_length_that_cannot_be(tmp_path: Path, told: list[int]) -> None:
    recipe = {**RECIPE, "lengths_output": "told"}
    folder = write_voice(tmp_path / "v", recipe, {"acoustic": with_output(paced_network(16), 16, told)})
    with pytest.raises(ArtifactError, match="'told': expected one number, 1 to the 320"):
        said(folder, "ab")


@pytest.mark.parametrize(
    ("length", "changes", "expected"),
    [
        (
            16,
            {"lengths_output": ""},
            "of any length, .1, length., or `lengths_output`.*found .1, 16. and none",
        ),
        (3, {"begin": [1], "behind_each": [0], "end": [2]}, "expected room for a symbol, found .1, 3."),
        (16, {"lengths_output": "sampled"}, "expected an output 'sampled', found 'output', 'samples'"),
        (16, {"lengths_input": ""}, "expected the inputs ids, as the recipe names them; found ids, count"),
    ],
)
def test_recipes_that_do_not_fit(tmp_path: Path, length: int, changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(CardError, match=expected):
        said(of(tmp_path, length, **changes), "ab")


def test_the_recipe_in_json_names_both(tmp_path: Path) -> None:
    content = json.loads((of(tmp_path, 16, pad=3) / "bundle.json").read_text())
    assert content["voice"]["pad"] == 3


def test_a_voice_that_tells_no_length_is_not_converted(tmp_path: Path) -> None:
    from edgemm.converters import convert_bundle

    folder = write_voice(tmp_path / "mel", MEL, {"acoustic": mel_network(), "vocoder": vocoder_network()})
    with pytest.raises(
        ConversionError, match=r"lengths that a converted file fixes.*`lengths_output`.*--part ROLE=keep"
    ):
        convert_bundle(folder, output=tmp_path / "x.zip", calibrate=["abc.", "hello"])
    assert not (tmp_path / "x.zip").exists()
