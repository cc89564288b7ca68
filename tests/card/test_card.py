"""The card's JSON: what is written, what is read, what is refused and how it is said."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from edgemm.card import (
    SCHEMA,
    AudioRecipe,
    HistoryStep,
    ImageRecipe,
    InputCard,
    ModelCard,
    OutputCard,
    StatePair,
    reader,
)
from edgemm.errors import CardError, UnsupportedVersion
from edgemm.tasks.keyword import KeywordRecipe

pytestmark = pytest.mark.device


@pytest.fixture(autouse=True)
def _runtimes() -> None:
    """A card needs no runtime."""


def image(**recipe: Any) -> dict[str, Any]:
    return {"inputs": [{"image": recipe}]}


def audio(**recipe: Any) -> dict[str, Any]:
    return {"inputs": [{"audio": recipe}]}


# writing


@pytest.mark.parametrize(
    ("card", "place", "kind"),
    [
        (ModelCard(inputs=(InputCard(image=ImageRecipe()),)), ("inputs", 0, "image"), ImageRecipe),
        (ModelCard(inputs=(InputCard(audio=AudioRecipe()),)), ("inputs", 0, "audio"), AudioRecipe),
        (ModelCard(task="keyword", recipe=KeywordRecipe()), ("keyword",), KeywordRecipe),
    ],
)
def test_a_recipe_is_written_in_full(card: ModelCard, place: tuple[Any, ...], kind: Any) -> None:
    written: Any = card.to_dict()
    for key in place:
        written = written[key]
    assert list(written) == [each.name for each in fields(kind) if each.name != "extra"]


def test_what_is_empty_is_left_out() -> None:
    written = ModelCard().to_dict()
    assert written == {"schema": SCHEMA, "name": "model", "version": "1", "task": "tensors"}


def test_an_empty_name_is_not_the_default_name() -> None:
    assert ModelCard.from_json(ModelCard(name="").to_json()).name == ""


def test_the_same_card_gives_the_same_text() -> None:
    assert ModelCard(labels=("é", "b")).to_json() == ModelCard(labels=("é", "b")).to_json()


def test_what_it_does_not_know_never_replaces_what_it_does() -> None:
    assert ModelCard(name="mine", extra={"name": "other", "note": 1}).to_dict()["name"] == "mine"


@pytest.mark.parametrize("value", [float("inf"), float("nan"), object()])
def test_what_json_cannot_hold_is_not_written(value: Any) -> None:
    with pytest.raises(CardError, match="cannot be written"):
        ModelCard(fidelity={"snr_db": value}).to_json()


# reading


def test_unknown_keys_are_kept_at_every_level() -> None:
    content = {
        **ModelCard(
            task="keyword",
            inputs=(InputCard(image=ImageRecipe(), audio=AudioRecipe()),),
            outputs=(OutputCard(),),
            recipe=KeywordRecipe(),
            states=(StatePair("out", "in"),),
            history=(HistoryStep("pruned"),),
        ).to_dict(),
        "new": {"deep": [1, 2]},
    }
    for place in (
        content["inputs"][0],
        content["inputs"][0]["image"],
        content["inputs"][0]["audio"],
        content["outputs"][0],
        content["keyword"],
        content["states"][0],
        content["history"][0],
    ):
        place["new"] = "kept"
    assert ModelCard.from_json(json.dumps(content)).to_dict() == content


def test_a_key_named_extra_is_only_another_unknown_key() -> None:
    card = ModelCard.from_json('{"extra": {"name": "x"}}')
    assert (card.name, card.to_dict()["extra"]) == ("model", {"name": "x"})


def test_a_whole_number_serves_as_a_number() -> None:
    (entry,) = ModelCard.from_json(json.dumps(image(scale=1, std=[2]))).inputs
    assert entry.image is not None
    assert (entry.image.scale, entry.image.std) == (1.0, (2.0,))


def test_an_editor_s_byte_order_mark_is_no_harm() -> None:
    assert ModelCard.from_json(b'\xef\xbb\xbf{"name": "a"}').name == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"labels": "cat"}, r'card\.labels: expected a list, found "cat"'),
        (
            {"labels": ["cat", "x" * 70_000]},
            r"card\.labels\[1\]: expected a text of at most 65536 characters",
        ),
        ({"labels": ["cat", 7]}, r"card\.labels\[1\]: expected a text .*found 7"),
        (
            {"task": "classification", "top_k": True},
            r"classification\.top_k: expected a whole number, found True",
        ),
        (
            {"task": "classification", "top_k": 0},
            r"card\.classification\.top_k: expected 1 to 10000, found 0",
        ),
        (
            {"task": "classification", "classification": {"top_k": 1.5}},
            r"classification\.top_k: expected a whole number, found 1\.5",
        ),
        ({"task": "guess"}, r'card\.task: expected one of "classification", .*found "guess"'),
        ({"task": ["keyword"]}, r"card\.task: expected a text .*found a list of 1"),
        ({"inputs": {}}, r"card\.inputs: expected a list, found a JSON object of 0"),
        ({"inputs": [3]}, r"card\.inputs\[0\]: expected an object, found 3"),
        ({"inputs": [{"shape": [1, -1]}]}, r"inputs\[0\]\.shape\[1\]: expected 1 to"),
        ({"outputs": [{"shape": [1 << 20, 1 << 20]}]}, r"outputs\[0\]\.shape: expected at most 8 dimensions"),
        ({"outputs": [{"shape": [1] * 9}]}, r"outputs\[0\]\.shape: expected at most 8 dimensions"),
        ({"states": [{"output": "h"}]}, r"card\.states\[0\]\.input: expected a value, found none"),
        ({"quantization": []}, r"card\.quantization: expected an object"),
        (
            {"x-note": "x" * 300_000},
            r"card, keys that are not known: expected at most 262144 characters, found 300",
        ),
        ({"fidelity": {"x": ["x" * 60_000] * 5}}, r"card\.fidelity: expected at most 262144 characters"),
        ({"payload_sha256": "abc"}, r"card\.payload_sha256: expected 64 hexadecimal digits"),
        (image(std=[0.0]), r"image\.std: expected numbers other than 0"),
        (image(scale=0), r"image\.scale: expected a number other than 0"),
        (image(mean=[1, 2]), r"image\.mean: expected 1 number or 3, found 2"),
        (image(color="gray", std=[1, 2, 3]), r"image\.std: expected 1 number or 1, found 3"),
        (image(mean=[]), r"image\.mean: expected 1 number or 3, found 0"),
        (image(resize_short=10**9), r"image\.resize_short: expected 0 to 16384"),
        (audio(sample_rate=0), r"audio\.sample_rate: expected 1 to"),
        (audio(hop=500), r"audio\.hop: expected at most 400 \(window\), found 500"),
        (audio(window=600), r"audio\.window: expected at most 512 \(n_fft\), found 600"),
        (audio(n_fft=10**9), r"audio\.n_fft: expected 2 to 16384"),
        (audio(mean=[0] * 7), r"audio\.mean: expected 1 number or 40, found 7"),
        (audio(frames=1 << 20), r"audio\.frames: expected at most 104857"),
        (audio(preemphasis=0.97), r"audio\.preemphasis: 0\.97 is of version 2 .*found version 1"),
        (audio(feature="mfcc", n_mfcc=10), r"audio\.n_mfcc: 10 is of version 2"),
        (audio(version=2, remove_dc=1), r"audio\.remove_dc: expected true or false, found 1"),
        (audio(version=2, preemphasis=2), r"audio\.preemphasis: expected 0 to 1"),
        (audio(version=2, feature="mfcc", n_mfcc=10, std=[1] * 40), r"audio\.std: expected 1 number or 10"),
        ({"inputs": [{"value": "16000"}]}, r"inputs\[0\]\.value: expected a number, found \"16000\""),
        ({"task": "keyword", "keyword": {"warmup_windows": -1}}, r"keyword\.warmup_windows: expected 0 to"),
        (
            {"task": "keyword", "keyword": {"smooth_windows": 10**9}},
            r"keyword\.smooth_windows: expected 1 to 512",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_named(content: dict[str, Any], message: str) -> None:
    with pytest.raises(CardError, match=message):
        ModelCard.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable JSON"),
        ("[]", "found a list|is a list of 0"),
        ("{", "not readable JSON"),
        (b"\xff\xfe{}", "not readable JSON"),
        ('{"x": NaN}', "NaN is no number"),
        ('{"x": -Infinity}', "-Infinity is no number"),
        ('{"x": 1e999}', "too large for a number"),
        ('{"x": ' + "9" * 5000 + "}", "5000 digits"),
        ('{"x": ' + "[" * 40 + "]" * 40 + "}", "more than 32 lists"),
        ("[" * 200_000, "more than 32 lists"),
        ('{"name": "a", "name": "b"}', "the key 'name' twice"),
        (r'{"labels": ["\ud800"]}', "control character"),
        (r'{"labels": ["\u001b[2J"]}', "control character"),
        ('{"labels": [' + '"a",' * 1_100_000 + '"a"]}', "at most 4194304 are read"),
    ],
)
def test_what_is_no_sound_json_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(CardError, match=message):
        ModelCard.from_json(text)


def test_too_many_labels_are_refused() -> None:
    text = '{"labels": [' + '"",' * 100_000 + '""]}'
    with pytest.raises(CardError, match=r"card\.labels: expected at most 100000 entries, found 100001"):
        ModelCard.from_json(text)


# versions


@pytest.mark.parametrize("content", [{"schema": "edgemm.card/2"}, {"min_edgemm": "99.0"}])
def test_what_is_newer_is_told_apart_from_what_is_wrong(content: dict[str, str]) -> None:
    with pytest.raises(UnsupportedVersion, match=r"install (a newer|--upgrade) edgemm"):
        ModelCard.from_json(json.dumps({**content, "task": "a task of that time"}))


@pytest.mark.parametrize(
    "content", [{"schema": "toml/1"}, {"schema": 1}, {"min_edgemm": "soon"}, {"min_edgemm": 1}]
)
def test_a_version_that_is_none_is_an_error(content: dict[str, Any]) -> None:
    with pytest.raises(CardError, match=r"card\.(schema|min_edgemm): expected"):
        ModelCard.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("needed", "here"), [("0.2", "0.2.0"), ("0.2.0", "0.2"), ("0.2", "0.2.1.dev4"), ("0.9", "0.10")]
)
def test_this_version_is_new_enough(monkeypatch: pytest.MonkeyPatch, needed: str, here: str) -> None:
    monkeypatch.setattr(reader, "__version__", here)
    assert ModelCard.from_json(json.dumps({"min_edgemm": needed})).min_edgemm == needed


def test_a_step_is_added_to_the_history_and_a_hash_is_checked() -> None:
    card = ModelCard().after("pruned", {"macs": 0.5}).after("trained", {}, "b" * 64)
    assert card.to_dict()["history"] == [
        {"step": "pruned", "details": {"macs": 0.5}}, {"step": "trained", "source_sha256": "b" * 64},
    ]  # fmt: skip
    with pytest.raises(CardError, match=r"card\.history\[1\]\.source_sha256: expected 64 hexadecimal digits"):
        ModelCard.from_json(card.after("x", {}).to_json().replace("b" * 64, "b"))
