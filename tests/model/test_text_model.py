"""Models of text: called, streamed and counted, against the same numbers by hand."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import package
from text_models import IDS, LABELS, TABLE, WEIGHTS, bytes_recipe, embedding_by_hand, text_card, text_model

import edgemm
from edgemm.artifact import write_artifact
from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.cli import main
from edgemm.errors import CardError, InputError
from edgemm.media import Text
from edgemm.results import Classification, Embedding

package("onnx")
pytestmark = pytest.mark.device
Load = Callable[..., edgemm.Model]
AB, C = [1, 107, 108, 2], [109]
SECRET = "swordfish"


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """`load(card, task)`: the model with that card; closed after the test."""
    models = []

    def made(card: ModelCard | None = None, task: str = "embedding", **load: Any) -> edgemm.Model:
        path = tmp_path / f"{task}.onnx"
        write_artifact(path, text_model(task), card or text_card(task=task))
        models.append(edgemm.load(path, **load))
        return models[-1]

    yield made
    for model in models:
        model.close()


def vector(result: object) -> Any:
    assert isinstance(result, Embedding)
    return result.vector


def test_one_text_is_embedded(load: Load) -> None:
    np.testing.assert_allclose(vector(load()("ab")), embedding_by_hand(AB, [0] * 4), atol=1e-6)


@pytest.mark.parametrize(
    "pair", [("ab", "c"), ["ab", "c"], Text("ab", 0, 0, "c")], ids=lambda x: type(x).__name__
)
def test_two_texts_are_embedded_together(load: Load, pair: Any) -> None:
    expected = embedding_by_hand([1, 107, 108, 3, 109, 2], [0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(vector(load()(pair)), expected, atol=1e-6)


def test_a_text_is_classified(load: Load) -> None:
    found = load(task="classification")("ab")
    logits = TABLE[AB].sum(axis=0, dtype=np.float64) @ WEIGHTS
    scores = np.exp(logits) / np.exp(logits).sum()
    assert isinstance(found, Classification)
    assert found.label == LABELS[int(scores.argmax())]
    assert found.score == pytest.approx(scores.max(), abs=1e-6)


def test_an_option_of_the_task_is_taken(load: Load) -> None:
    assert np.linalg.norm(vector(load(normalize=False)("ab"))) != pytest.approx(1, abs=1e-3)


def test_tensors_with_their_mask_give_the_same(load: Load) -> None:
    model = load()
    ids = np.array([[*AB, 0, 0, 0, 0]])
    tensors = {"ids": ids, "mask": (ids > 0).astype(np.int64), "types": np.zeros_like(ids)}
    np.testing.assert_array_equal(vector(model(tensors)), vector(model("ab")))


@pytest.mark.parametrize("other", [7, ("a", "b", "c"), ("a", 1), np.zeros((4, 4), np.uint8), b"a"])
def test_what_is_no_text_is_refused(load: Load, other: Any) -> None:
    with pytest.raises(InputError, match="the model takes text: expected a str"):
        load()(other)


def test_a_model_of_text_takes_no_pictures_from_a_source(load: Load, tmp_path: Path) -> None:
    pytest.importorskip("cv2").imwrite(str(tmp_path / "a.png"), np.zeros((4, 4), np.uint8))
    with edgemm.open_source(tmp_path / "a.png") as source, pytest.raises(InputError, match="takes text, but"):
        load().stream(source)


def test_lines_are_streamed_and_every_one_is_counted(load: Load, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"ab\n\nc\n\xff\nabc\n")
    with edgemm.open_source(f"text:{tmp_path / 't.txt'}") as source, load().stream(source) as stream:
        items = list(stream)
        summary = stream.ledger.summary()
    assert [item.frame.origin for item in items] == ["t.txt:1", "t.txt:3", "t.txt:5"]
    np.testing.assert_allclose(vector(items[0].value), embedding_by_hand(AB, [0] * 4), atol=1e-6)
    counted = {key: summary[key] for key in ("captured", "delivered", "dropped", "in_flight")}
    assert counted == {"captured": 4, "delivered": 3, "dropped": {"not-utf8": 1}, "in_flight": 0}
    assert set(items[0].stages_ms) == {"wait", "preprocess", "infer", "decode"}
    assert all(item.age_ms >= 0 and item.captured_ns == item.frame.captured_ns for item in items)


def test_a_text_that_cannot_be_taken_costs_itself_alone(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever types a line too long does not end a kiosk."""
    (tmp_path / "t.txt").write_bytes(b"ab\nabcdefghijk\nc\n")
    model = load(text_card(bytes_recipe(too_long="refuse")))
    with edgemm.open_source(f"text:{tmp_path / 't.txt'}") as source, model.stream(source) as stream:
        assert [each.frame.origin for each in stream] == ["t.txt:1", "t.txt:3"]
        assert stream.ledger.summary()["dropped"] == {"failed": 1}
    assert "t.txt:2: left out: a text has more tokens than the 8" in caplog.text
    assert "abcdefghijk" not in caplog.text


def test_no_text_is_dropped_for_what_is_newer(load: Load, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"ab\n")
    with (
        edgemm.open_source(f"text:{tmp_path / 't.txt'}") as source,
        pytest.raises(InputError, match="never dropped"),
    ):
        load().stream(source, edgemm.Budget(policy="newest"))


def test_what_was_typed_stands_nowhere(load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "t.txt").write_text(f"{SECRET}\n{SECRET * 9}\n")
    model = load()
    with (
        caplog.at_level(logging.DEBUG),
        edgemm.open_source(f"text:{tmp_path / 't.txt'}") as source,
        model.stream(source) as stream,
    ):
        items = list(stream)
    written = json.dumps([item.to_json() for item in items]) + repr(items) + caplog.text
    assert len(items) == 2
    assert "more tokens" in caplog.text
    assert SECRET not in written


def test_a_vocabulary_that_does_not_fit_is_said_when_the_card_is_written(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    write_artifact(path, text_model(), None)
    (tmp_path / "card.json").write_text(text_card(bytes_recipe(offset=100, ids=IDS)).to_json())
    assert main(["card", "set", str(path), str(tmp_path / "card.json")]) == 6
    assert edgemm.load(path).artifact.card is None


@pytest.mark.parametrize("changed", [{"pad": IDS}, {"before": (IDS + 1,)}, {"offset": 100}])
def test_how_many_ids_the_model_has_is_known_from_the_card_before(
    changed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    write_artifact(path, text_model(), text_card(bytes_recipe(ids=IDS)))
    (tmp_path / "card.json").write_text(text_card(bytes_recipe(**changed)).to_json())
    assert main(["card", "set", str(path), str(tmp_path / "card.json")]) == 6
    assert "ids" in capsys.readouterr().err
    (tmp_path / "card.json").write_text(text_card(bytes_recipe(pad=IDS - 1)).to_json())
    assert main(["card", "set", str(path), str(tmp_path / "card.json")]) == 0


def test_ids_beyond_the_embedding_are_an_error_and_no_answer(load: Load) -> None:
    with pytest.raises(edgemm.EdgemmError):
        load(text_card(bytes_recipe(offset=IDS)))("ab")


def test_a_card_beside_a_file_that_leaves_its_length_open(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(text_model("classification", "tokens"))
    card = text_card(bytes_recipe(length=6), "classification")
    card = card.with_(outputs=(OutputCard("scores", (1, 2), "logits"),))
    with edgemm.load(tmp_path / "m.onnx", card=card) as model:
        assert model.inputs[0].shape == (1, 6)
        assert isinstance(model("ab"), Classification)


def test_text_beside_another_input_is_run_by_tensors(tmp_path: Path) -> None:
    card = text_card()
    mixed = card.with_(inputs=(*card.inputs[:2], InputCard("types")))
    write_artifact(tmp_path / "m.onnx", text_model(), mixed)
    with edgemm.load(tmp_path / "m.onnx") as model, pytest.raises(CardError, match="or inputs of text"):
        model.session()


@pytest.mark.parametrize("as_json", [False, True])
def test_edgemm_run_reads_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    write_artifact(tmp_path / "m.onnx", text_model("classification"), text_card(task="classification"))
    there, here = os.pipe()
    kept = os.dup(0)
    try:
        os.dup2(there, 0)
        os.write(here, f"ab\n{SECRET[:5]}\n".encode())
        os.close(here)
        record = ["--record", str(tmp_path / "r.jsonl")]
        code = main(
            ["run", str(tmp_path / "m.onnx"), "--source", "text:-", *record, *(["--json"] if as_json else [])]
        )
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(there)
    said = capsys.readouterr()
    assert code == 0
    assert len(said.out.splitlines()) == 3
    assert "stdin:2" in said.out
    assert any(label in said.out for label in LABELS)
    assert SECRET[:5] not in said.out + said.err + (tmp_path / "r.jsonl").read_text()
