"""Misspelt keys: refused where a card is written, warned of where it is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import edgemm
from edgemm.artifact import write_artifact
from edgemm.card import ModelCard
from edgemm.card.keys import refuse_unknown, unknown_keys, without_help
from edgemm.cli import main
from edgemm.errors import CardError, CardWarning, InputError, UnsupportedVersion

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"


def card(**content: Any) -> ModelCard:
    return ModelCard.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"lables": ["a"]}, "card.lables: is not a key of the card itself. Did you mean 'labels'?"),
        ({"Labels": ["a"]}, "card.Labels: is not a key of the card itself. Did you mean 'labels'?"),
        (
            {"inputs": [{}, {"image": {"maen": [0.5]}}]},
            "card.inputs[1].image.maen: is not a key of image, in an entry of inputs. Did you mean 'mean'?",
        ),
        (
            {"inputs": [{"audio": {"sample-rate": 8000}}]},
            "card.inputs[0].audio.sample-rate: is not a key of audio, in an entry of inputs. "
            "Did you mean 'sample_rate'?",
        ),
        (
            {"inputs": [{"mean": [0.5]}]},
            "card.inputs[0].mean: is not a key of an entry of inputs. It belongs into image, in an entry of inputs",
        ),
        ({"outputs": [{"decoding": "raw"}]}, "card.outputs[0].decoding: is not a key of an entry of outputs. "
         "Did you mean 'decode'?"),
        ({"task": "keyword", "keyword": {"treshold": 1}},
         "card.keyword.treshold: is not a key of keyword. Did you mean 'threshold'?"),
        (
            {"states": [{"output": "a", "input": "b", "zzz": 1}]},
            "card.states[0].zzz: is not a key of an entry of states",
        ),
        ({"owner": "me"}, "card.owner: is not a key of the card itself"),
    ],
)  # fmt: skip
def test_each_unknown_key_is_named_with_what_was_meant(content: dict[str, Any], sentence: str) -> None:
    assert unknown_keys(card(**content)) == (sentence,)
    with pytest.raises(CardError, match=r"Correct it, or begin it with 'x-'"):
        refuse_unknown(card(**content))


def test_keys_of_ones_own_and_free_sections_are_let_be() -> None:
    own = {"x-owner": "me", "quantization": {"anything": 1}, "fidelity": {"lables": 2}}
    kept = card(**own, inputs=[{"x-note": 1, "image": {"x-y": {}}}])
    refuse_unknown(kept)
    assert kept.to_dict()["x-owner"] == "me"


def test_no_more_than_three_are_named() -> None:
    with pytest.raises(CardError, match=r"card\.a: .*card\.c: .*2 more keys like this\."):
        refuse_unknown(card(a=1, b=2, c=3, d=4, e=5))


def test_help_is_left_out_and_notes_stay() -> None:
    helped = card(**{"x-help": {"name": "..."}, "x-a": 1}, inputs=[{"x-help": {}, "image": {"x-guessed": 1}}])
    assert without_help(helped) == card(**{"x-a": 1}, inputs=[{"image": {}}])


def test_loading_such_a_card_warns_once_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "total.onnx"
    write_artifact(path, (ASSETS / "total.onnx").read_bytes(), card(lables=["a"], **{"x-mine": 1}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            edgemm.load(path).close()
    (said,) = caught
    assert (said.category, said.filename) == (CardWarning, __file__)
    assert str(said.message) == (
        f"{path}: card.lables: is not a key of the card itself. Did you mean 'labels'? The key is ignored; "
        f"to correct it, write another card with `edgemm card set {path} CARD.json`"
    )


def test_a_card_that_is_given_warns_too() -> None:
    with (
        pytest.warns(
            CardWarning, match="the card given for .*Did you mean 'task'\\? .*change it where it is made"
        ),
        edgemm.load(ASSETS / "total.onnx", card={"tsak": "tensors"}) as model,
    ):
        assert model.card.task == "tensors"


def test_a_file_that_is_given_is_the_one_to_correct(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"owner": "me"}', encoding="utf-8")
    with pytest.warns(
        CardWarning, match="mine.json: card.owner: .* itself. The key is ignored; .* edit this file"
    ):
        edgemm.load(ASSETS / "total.onnx", card=path).close()


def test_a_program_that_says_nothing_about_warnings_shows_it() -> None:
    """Of a process of its own: Python's own filters decide what is shown."""
    code = f"import edgemm; edgemm.load({str(ASSETS / 'total.onnx')!r}, card={{'lables': []}}).close()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Did you mean 'labels'?" in done.stderr


def test_the_command_line_says_it_in_one_plain_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "total.onnx"
    write_artifact(path, (ASSETS / "total.onnx").read_bytes(), card(lables=["a"]))
    main(["verify", str(path)])
    assert capsys.readouterr().err.startswith(
        f"edgemm: {path}: card.lables: is not a key of the card itself. "
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            {"states": [{"output": "a", "inptu": "b"}]},
            "card.states[0].input: expected a value, found none, but 'inptu'",
        ),
        ({"states": [{"output": "a"}]}, "card.states[0].input: expected a value, found none"),
        ({"task": "clasification"}, "found \"clasification\". Did you mean 'classification'?"),
        ({"inputs": [{"modality": "imag"}]}, "Did you mean 'image'?"),
        ({"inputs": [{"audio": {"feature": "MFCC"}}]}, "Did you mean 'mfcc'?"),
    ],
)
def test_what_is_misspelt_and_cannot_be_read_is_named_with_what_was_meant(
    content: dict[str, Any], said: str
) -> None:
    with pytest.raises(CardError) as error:
        card(**content)
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"labels": 1}', '{"schema": "edgemm.card/9"}', '{"outputs": [{}, {}]}',
                                  '{"task": "classification"}'])  # fmt: skip
def test_an_error_names_the_file_of_the_card(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises((CardError, UnsupportedVersion)) as error:
        edgemm.load(ASSETS / "total.onnx", card=path)
    assert str(error.value).startswith(f"{path}: ")
    assert "card set" not in str(error.value)


def test_a_task_that_is_not_decoded_is_told_with_the_file_and_what_helps() -> None:
    pixels = {"modality": "image", "image": {"color": "gray"}}
    given = {"task": "audio", "inputs": [pixels]}
    with (
        edgemm.load(ASSETS / "bright.onnx", card=given) as model,
        pytest.raises(
            UnsupportedVersion, match=r"bright.onnx: task 'audio': .*\"task\": \"tensors\" in the card"
        ),
    ):
        model.session()


def test_an_error_in_a_files_own_card_names_it_and_what_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "total.onnx"
    write_artifact(path, (ASSETS / "total.onnx").read_bytes(), card(outputs=[{"name": "other"}]))
    with pytest.raises(CardError) as error:
        edgemm.load(path)
    assert str(error.value).startswith(f"{path}: output 'other' of the card is not in the file")
    assert str(error.value).endswith(
        f". To correct it, write another card with `edgemm card set {path} CARD.json`"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mnst", "Did you mean 'mnist'?"),
        (Path("mnist"), "the name of a preset: --preset mnist"),
        (7, "expected a ModelCard, a dictionary, a file or the name of a preset, found int"),
    ],
)
def test_what_is_no_card_is_said(given: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        edgemm.load(ASSETS / "total.onnx", card=given)
    assert said in str(error.value)


def test_a_dictionary_with_arrays_is_no_card() -> None:
    with pytest.raises(CardError, match="not JSON serializable"):
        edgemm.load(ASSETS / "total.onnx", card={"labels": {1, 2}})
