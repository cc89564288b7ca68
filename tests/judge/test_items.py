"""What bundles are run on: each form in which people have texts and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_bundle import sound, stored, write_wav

from edgemm.errors import InputError
from edgemm.judge.items import Item, divided, load_items
from edgemm.media import AudioBlock
from edgemm.results import Audio


def loaded(data: Any, modality: str = "text", limit: int = 100) -> list[tuple[Any, Any]]:
    return [(each.given, each.truth) for each in load_items(data, modality, limit, "--evaluate")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "one\n\n two \n", [("one", None), (" two ", None)]),
        ("a.tsv", "target\tsource\nein\tone\nzwei\ttwo\n", [("one", "ein"), ("two", "zwei")]),
        ("a.tsv", 'one\tein\n"two\tzwei\n', [("one", "ein"), ('"two', "zwei")]),
        ("a.csv", 'text,translation\n"one, two","ein, zwei"\n', [("one, two", "ein, zwei")]),
        ("a.csv", "sentence\none\ntwo\n", [("one", None), ("two", None)]),
        ("a.jsonl", '{"source": "one", "target": "ein"}\n\n{"text": "b", "translation": ""}\n',
         [("one", "ein"), ("b", "")]),
    ],
)  # fmt: skip
def test_files_of_texts(tmp_path: Path, name: str, content: str, expected: Any) -> None:
    (tmp_path / name).write_text("\ufeff" + content, encoding="utf-8")
    assert loaded(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"\n \n", "expected a text in each line, found none"),
        ("a.txt", b"\xff\xfeabc", "expected text in UTF-8"),
        ("a.tsv", b"a\tb\tc\n", "line 1: expected a first line with the names of the columns"),
        ("a.tsv", b"source\ttarget\na\tb\tc\n", "line 2: expected 2 columns, found 3"),
        ("a.tsv", b"source\ttarget\na\tb\nc\n", "line 3: has no target, and others have"),
        ("a.csv", b"label,name\na,b\n", "line 1: expected a first line"),
        ("a.jsonl", b"{}\n", "line 1: expected 'source' with the text"),
        ("a.jsonl", b"[1]\n", "line 1: expected a JSON object, found list"),
        ("a.jsonl", b'{"source": "a", "target": 3}\n', "line 1: target: expected a text, found int"),
        ("a.jsonl", b"{\n", "line 1: expected a JSON object"),
        ("a.png", b"", "expected a file of texts.*found another kind of file"),
    ],
)
def test_files_of_texts_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"--evaluate: .*{said}"):
        loaded(tmp_path / name)


def recordings(folder: Path, *names: str) -> Path:
    for at, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(folder / name, sound(20 + at))
    return folder


def test_recordings_alone(tmp_path: Path) -> None:
    recordings(tmp_path, "b.wav", "a.wav")
    assert loaded(tmp_path, "audio") == [(tmp_path / "a.wav", None), (tmp_path / "b.wav", None)]
    assert loaded(tmp_path / "a.wav", "audio") == [(tmp_path / "a.wav", None)]
    (item,) = load_items(tmp_path / "b.wav", "audio", 1, "--evaluate")
    block = item.read()
    np.testing.assert_allclose(block.samples, stored(sound(20)), atol=1e-4)
    assert block.sample_rate == 8000


def test_recordings_with_their_texts(tmp_path: Path) -> None:
    recordings(tmp_path, "a.wav", "b.wav")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    assert loaded(tmp_path, "audio") == [(tmp_path / "a.wav", "one"), (tmp_path / "b.wav", "two")]


def test_a_folder_for_each_speaker(tmp_path: Path) -> None:
    recordings(tmp_path, "ann/1.wav", "ann/2.wav", "bob/1.wav")
    assert [truth for _, truth in loaded(tmp_path, "audio")] == ["ann", "ann", "bob"]


def test_noisy_and_clean(tmp_path: Path) -> None:
    recordings(tmp_path, "noisy/1.wav", "clean/1.wav", "clean/2.wav")
    (item,) = load_items(tmp_path, "audio", 9, "--evaluate")
    assert item.given == tmp_path / "noisy" / "1.wav"
    clean = item.right()
    assert isinstance(clean, Audio)
    np.testing.assert_allclose(clean.samples, stored(sound(21)), atol=1e-4)
    write_wav(tmp_path / "noisy" / "3.wav", sound(5))
    with pytest.raises(InputError, match=r"expected a recording of the same name in clean/.*none for 3.wav"):
        loaded(tmp_path, "audio")


@pytest.mark.parametrize(
    ("data", "modality", "said"),
    [
        ([], "text", "found something else, or nothing"),
        (["a", 3], "text", "expected a path, or a sequence of str"),
        (["a", " "], "text", "found something else, or nothing"),
        (3, "text", "found int"),
        (b"abc", "text", "found bytes"),
        (["a"], "audio", "a sequence of AudioBlock"),
        ("nowhere", "audio", "found nothing of that name"),
        ("nowhere", "text", "found nothing of that name"),
        (["a"], "image", "a sequence of Frame"),
        (["a"], "tensor", "found one that takes tensor"),
    ],
)
def test_data_of_another_kind(data: Any, modality: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        loaded(data, modality)


def test_sequences() -> None:
    block = AudioBlock(np.zeros(4, np.float32), 8000, 0, 0)
    assert loaded([block], "audio") == [(block, None)]
    assert loaded(["a", ("b", "c")]) == [("a", None), ("b", "c")]
    assert loaded(["a", "b", "c", "d", "e"], limit=3) == [("a", None), ("c", None), ("e", None)]


def test_an_error_names_the_item_and_not_its_text(tmp_path: Path) -> None:
    (first, second) = load_items(["secret", "more"], "text", 9, "--calibrate")
    assert (first.name, second.name) == ("--calibrate, item 1", "--calibrate, item 2")


@pytest.mark.parametrize(
    ("count", "held"), [(1, [0]), (2, [1]), (3, [2]), (4, [3]), (5, [3]), (12, [3, 7, 11])]
)
def test_a_quarter_is_held_out(count: int, held: list[int]) -> None:
    items = [Item(str(at)) for at in range(count)]
    first, second = divided(items)
    assert [int(str(each.given)) for each in second] == held
    if count > 1:
        assert {*first, *second} == {*items}
        assert not {*first} & {*second}
