"""Models of text are converted with texts: lines, tables, labels; both formats against the source, or by hand."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from text_models import IDS, bytes_recipe, embedding_by_hand, text_card, text_model

import edgemm
from edgemm.artifact import read_artifact
from edgemm.card import InputCard, ModelCard, TextRecipe
from edgemm.cli import main
from edgemm.converters import convert
from edgemm.converters.fidelity.task_gate import agreed
from edgemm.converters.samples import Samples, load_samples
from edgemm.errors import CardError, ConversionError, InputError
from edgemm.results import Embedding
from edgemm.tensors import TensorSpec

CARD = text_card()
SPECS = tuple(TensorSpec(each.name, (1, 8), "int64") for each in CARD.inputs)
LINES = [f"{a}{b}" for a in "abcd" for b in "efgh"]


def samples(path: Path, content: str, *, classes: Any = ("no", "yes"), limit: int = 256) -> Samples:
    path.write_text(content)
    return load_samples(path, SPECS, CARD.inputs, classes=classes, limit=limit, files={})


def first_ids(found: Samples) -> list[int]:
    """The first byte of each text."""
    return [int(each["ids"][0, 1]) - 10 for each in found.inputs]


def test_each_line_of_a_text_file_is_a_sample(tmp_path: Path) -> None:
    found = samples(tmp_path / "t.txt", "ab\n\nc\r\n")
    assert first_ids(found) == list(b"ac")
    assert found.inputs[1]["mask"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0]]
    assert found.labels is None


TABLES = {
    "t.jsonl": '{"text": "a", "label": "yes"}\n\n{"text": "b, \\"c\\"", "label": 0}\n',
    "t.csv": 'text,label\na,yes\n"b, ""c""",0\n',
    "t.tsv": 'sentence\tlabel\na\tyes\nb, "c"\t0\n',
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_texts_and_their_labels(tmp_path: Path, name: str) -> None:
    found = samples(tmp_path / name, TABLES[name])
    assert first_ids(found) == list(b"ab")
    assert [each for each in found.inputs[1]["ids"][0] if each > 10] == [10 + each for each in b'b, "c"']
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0]


def test_rows_without_a_text_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "edgemm"):
        samples(tmp_path / "t.tsv", "sentence\tlabel\na\tyes\n\tno\nb\tno\n")
    assert "1 of 3 rows have no text and are left out, such as line 3" in caplog.text


def test_a_table_may_have_a_second_text(tmp_path: Path) -> None:
    found = samples(tmp_path / "t.csv", "text,pair\na,b\n")
    assert found.inputs[0]["types"].tolist() == [[0, 0, 0, 1, 1, 0, 0, 0]]


def test_the_limit_spreads_over_the_texts_and_their_labels(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"{chr(97 + at)},{at % 2}\n" for at in range(26))
    found = samples(tmp_path / "t.csv", content, limit=2)
    assert found.labels is not None
    assert (first_ids(found), found.labels.tolist()) == (list(b"az"), [0, 1])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.txt", "\n \n", "expected a text on each line, found none"),
        ("t.jsonl", '{"text": "a"}\n[1]\n', "line 2: expected a JSON object, found list"),
        ("t.jsonl", '{"text": "a"\n', "line 1: expected a JSON object"),
        ("t.jsonl", '{"words": "a"}\n', "line 1: expected a column or key 'text' with the text, found words"),
        ("t.csv", "a,b\n1,2\n", "line 2: expected a column or key 'text'"),
        ("t.jsonl", '{"text": "a", "pair": 3}\n', "line 1: pair: expected a text, found int"),
        (
            "t.csv",
            "text,label\na,maybe\n",
            "line 2: label: expected one of the card's labels .no, yes., found 'maybe'",
        ),
        ("t.csv", "text,label\na,2\n", "line 2: label: expected one of the card's labels"),
        ("t.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n', "line 2: has no label, and others have"),
        ("t.jsonl", '{"text": "a", "label": 0.5}\n', "line 1: label: expected a text or a number"),
    ],
)
def test_what_is_no_table_of_texts(tmp_path: Path, name: str, content: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        samples(tmp_path / name, content)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"a\xff\n")
    with pytest.raises(InputError, match="expected UTF-8, found byte 1"):
        load_samples(tmp_path / "t.txt", SPECS, CARD.inputs)


def test_texts_serve_models_of_text_alone(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a\n")
    with pytest.raises(InputError, match="describes as text"):
        load_samples(tmp_path / "t.txt", SPECS[:1], [InputCard("ids")])


def test_a_list_of_texts_is_data(tmp_path: Path) -> None:
    assert first_ids(load_samples(["a", "b"], SPECS, CARD.inputs)) == list(b"ab")


# conversion


def source(tmp_path: Path, task: str = "embedding") -> Path:
    path = tmp_path / "source.onnx"
    path.write_bytes(text_model(task, "tokens"))
    return path


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_a_model_of_text_is_converted_by_its_card_alone(tmp_path: Path, format_: str) -> None:
    output = tmp_path / f"m.{format_}"
    done = convert(
        source(tmp_path),
        output=output,
        card=text_card(bytes_recipe(length=8)),
        calibrate=LINES,
        scheme="static",
    )
    (found,) = done.fidelity.task
    assert (found.measure, found.holds) == ("cosine", True)
    assert any("of the texts stand in the file as ids" in note for note in done.notes)
    with edgemm.load(output) as model:
        assert [each.shape for each in model.inputs] == [(1, 8)] * 3
        assert model.card.inputs[0].text is not None
        assert model.card.inputs[0].text.ids == IDS
        for text in ("ae", "dh"):
            result = model(text)
            assert isinstance(result, Embedding)
            ids = [1, *(10 + each for each in text.encode()), 2]
            assert result.vector @ embedding_by_hand(ids, [0] * 4) > 0.999  # int8 weights and activations


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_the_command_measures_accuracy_on_labelled_texts(
    tmp_path: Path, format_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = source(tmp_path, "classification")
    session = ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    rows = []
    for at, text in enumerate(LINES):
        ids = np.array([[1, *(10 + each for each in text.encode()), 2, 0, 0, 0, 0]])
        feeds = {"ids": ids, "mask": (ids > 0).astype(np.int64), "types": np.zeros_like(ids)}
        right = int(session.run(None, feeds)[0].argmax())
        rows.append({"text": text, "label": right if at % 4 else 1 - right})  # a quarter is wrong
    (tmp_path / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "lines.txt").write_text("\n".join(LINES))
    card = text_card(bytes_recipe(length=8), "classification")
    (tmp_path / "card.json").write_text(card.to_json())
    code = main([
        "convert", str(path), "-o", str(tmp_path / f"m.{format_}"), "--card", str(tmp_path / "card.json"),
        "--calibrate", str(tmp_path / "lines.txt"), "--evaluate", str(tmp_path / "dev.jsonl"), "--json",
    ])  # fmt: skip
    assert code == 0
    (output,) = json.loads(capsys.readouterr().out)["outputs"]
    assert output["accuracy_float"] == 0.75
    assert output["accuracy"] >= 0.74


def test_the_vocabulary_beside_the_card_ends_in_the_file(tmp_path: Path) -> None:
    words = "\n".join(["<pad>", "<unk>", *"abcdefgh"]).encode()
    (tmp_path / "letters.txt").write_bytes(words)
    recipe = TextRecipe(tokenizer="characters", vocabulary="letters.txt", unknown=1, length=4)
    (tmp_path / "card.json").write_text(text_card(recipe).to_json())
    convert(
        source(tmp_path), output=tmp_path / "m.onnx", card=tmp_path / "card.json", calibrate=LINES, gate="off"
    )
    card = read_artifact(tmp_path / "m.onnx").card
    assert card is not None
    assert dict(card.files) == {"letters.txt": words}
    again = ModelCard.from_json(card.with_(name="second").to_json())
    convert(tmp_path / "m.onnx", output=tmp_path / "n.onnx", card=again, gate="off")
    second = read_artifact(tmp_path / "n.onnx").card
    assert second is not None
    assert (second.name, dict(second.files)) == ("second", {"letters.txt": words})


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (bytes_recipe(length=8, offset=IDS - 255), f"ids up to {IDS}, and the model has .* up to {IDS - 1}"),
        (bytes_recipe(length=8, ids=IDS + 1), f"the card says {IDS + 1}, the model has embeddings for {IDS}"),
        (
            TextRecipe(tokenizer="characters", vocabulary="letters", length=8),
            "that the card names is missing",
        ),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused_before_any_work(
    tmp_path: Path, recipe: TextRecipe, said: str
) -> None:
    with pytest.raises((CardError, ConversionError), match=said):
        convert(source(tmp_path), output=tmp_path / "m.onnx", card=text_card(recipe), calibrate=LINES)
    assert not (tmp_path / "m.onnx").exists()


def test_a_shape_that_is_given_goes_before_the_cards(tmp_path: Path) -> None:
    shapes = {each.name: (1, 6) for each in CARD.inputs}
    with pytest.raises(CardError, match=r"and 8 in text\.length"):
        convert(
            source(tmp_path),
            output=tmp_path / "m.onnx",
            card=text_card(bytes_recipe(length=8)),
            shapes=shapes,
        )


def embedding(*numbers: float) -> Embedding:
    return Embedding(np.array(numbers, np.float32))


@pytest.mark.parametrize(
    ("angles", "holds"),
    [
        ([0.0, 0.0], True),
        ([0.19, 0.19], True),
        ([0.21, 0.21], False),
        ([*[0.0] * 19, 0.44], True),
        ([*[0.0] * 19, 0.46], False),
    ],
)
def test_embeddings_hold_by_their_mean_and_their_worst_cosine(angles: list[float], holds: bool) -> None:
    """cos 0.19 = 0.982, cos 0.21 = 0.978; cos 0.44 = 0.905, cos 0.46 = 0.896."""
    found = agreed("embedding", ((embedding(1, 0), embedding(np.cos(each), np.sin(each))) for each in angles))
    assert found is not None
    assert found.holds is holds
