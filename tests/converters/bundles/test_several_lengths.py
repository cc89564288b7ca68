"""Bundles that are converted to several lengths, against the network computed by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_bundle import level_driver, level_folder
from tiny_translator import RECIPE, WIDTH, Translator, write_translator

import edgemm
from edgemm.converters import BundleConversion, convert_bundle
from edgemm.converters.bundles.buckets import Bucket, find_buckets
from edgemm.converters.bundles.fed import Fed
from edgemm.converters.bundles.parts import _different
from edgemm.errors import FidelityMissed, InputError
from edgemm.media import Text
from edgemm.tasks.sequence import SequenceDriver

__all__ = ["level_driver", "level_folder"]

NETWORK = Translator()
TEXTS = tuple("".join(random.Random(at).choices("abcdefgh", k=1 + at % 8)) for at in range(24))
LENGTHS = {"encoder.ids": [(1, 8), (1, 3)]}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its files leave the source's length open."""
    recipe = replace(RECIPE, source=replace(RECIPE.source, length=64))
    return write_translator(tmp_path_factory.mktemp("tiny") / "open.zip", NETWORK, recipe, length=0)


@pytest.fixture(scope="module")
def converted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> BundleConversion:
    output = tmp_path_factory.mktemp("made") / "x.zip"
    return convert_bundle(source, output=output, calibrate=TEXTS, lengths=LENGTHS, scheme="static")


@contextmanager
def steps(made: Any) -> Iterator[tuple[Any, list[tuple[str, str, list[int]]]]]:
    """A session, and a list of (role, signature, shape of what is read) that its steps go to."""
    taken: list[tuple[str, str, list[int]]] = []

    def around(role: str, part: Any) -> Any:
        class Noted:
            def step(self, feeds: Any, signature: str = "") -> Any:
                shape = part.specs(signature)[0][1 if role == "decoder" else 0].shape
                taken.append((role, signature, list(shape)))
                return part.step(feeds, signature)

            def __getattr__(self, name: str) -> Any:
                return getattr(part, name)

        return Noted()

    session = made.watched(around)
    yield session, taken
    session.close()


def test_the_shortest_length_that_fits_is_run(converted: BundleConversion) -> None:
    with edgemm.load_bundle(converted.output) as made, steps(made) as (session, taken):
        for text, length in (("abc", 3), ("abcd", 8), ("h", 3), ("abcdefgh", 8)):
            taken.clear()
            session.whole(Text(text, 0, 0))
            assert {(role, name) for role, name, _ in taken} == {
                ("encoder", f"length_{length}"), ("decoder", f"length_{length}"),
            }  # fmt: skip
            assert {tuple(shape) for role, _, shape in taken if role == "encoder"} == {(1, length)}
            assert (1, length, WIDTH) in {tuple(shape) for role, _, shape in taken if role == "decoder"}


def test_each_length_writes_what_the_network_writes(converted: BundleConversion) -> None:
    with edgemm.load_bundle(converted.output) as made:
        same = [made(text).to_json()["text"] == NETWORK.text(text) for text in TEXTS]
    assert np.mean(same) >= 22 / 24  # words that are nearly as likely may change places


def test_weights_are_stored_once(source: Path, converted: BundleConversion, tmp_path: Path) -> None:
    alone = convert_bundle(
        source, output=tmp_path / "x.zip", calibrate=TEXTS, lengths={"encoder.ids": (1, 8)}, scheme="static"
    )
    from edgemm.converters.tflite.schema import schema

    def weights(path: Path, role: str) -> int:
        with edgemm.load_bundle(path) as made:
            payload = made.models[role].artifact.payload
        model = schema().ModelT.InitFromPackedBuf(payload, 0)
        return sum(
            len(each.data) for each in model.buffers if each.data is not None and len(each.data) >= 192
        )

    for role in ("encoder", "decoder"):
        assert 0 < weights(converted.output, role) == weights(alone.output, role)


def test_each_length_is_measured(converted: BundleConversion) -> None:
    part = converted.parts["decoder"]
    assert list(part.lengths) == ["length_8", "length_3"]
    assert part.conversion is part.lengths["length_8"]
    assert all(20 < each.fidelity.worst_db < 80 for each in part.conversions)
    told = part.to_json()
    assert told["lengths"]["length_3"]["output"] == told["output"] == "decoder.tflite"
    kept = converted.card.fidelity["parts"]["encoder"]["lengths"]
    assert list(kept) == ["length_8", "length_3"]
    assert kept["length_3"] != kept["length_8"]


def test_a_length_that_nothing_held_out_runs_in_is_told(source: Path, tmp_path: Path) -> None:
    done = convert_bundle(
        source, output=tmp_path / "x.zip", calibrate=["abcdefg", "a"], evaluate=["bb"],
        lengths={"encoder.ids": [(1, 3), (1, 5), (1, 8)]},
    )  # fmt: skip
    told = [note.partition(":")[0] for note in done.notes if "nothing that was held out runs in it" in note]
    assert told == ["length_5", "length_8"]


def test_a_part_of_which_the_driver_runs_one_length(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SequenceDriver, "lengths", lambda driver, recipe: ("encoder",))
    with pytest.raises(
        InputError, match="part 'decoder': would have several lengths, and the driver 'sequence' runs one"
    ):
        convert_bundle(source, output=tmp_path / "x.zip", lengths=LENGTHS)


def test_a_part_is_converted_once_for_each_of_its_own_sizes() -> None:
    sizes = [{"x": (1, 3)}, {"x": (1, 3)}, {"x": (1, 8)}]
    feds = [Fed(Bucket(str(at)), {}, {}, {"role": each}, ()) for at, each in enumerate(sizes)]
    assert [each.bucket.name for each in _different("role", feds)] == ["2", "1"]
    assert [each.bucket.name for each in _different("other", feds)] == ["2"]


def test_one_length_below_its_gate(source: Path, tmp_path: Path) -> None:
    with pytest.raises(FidelityMissed, match="part 'decoder': length_8: fidelity is below the gate"):
        convert_bundle(source, output=tmp_path / "x.zip", calibrate=TEXTS, lengths=LENGTHS, min_db=150)
    assert list(tmp_path.iterdir()) == []


def test_no_data_at_all(source: Path, tmp_path: Path) -> None:
    done = convert_bundle(source, output=tmp_path / "x.zip", lengths=LENGTHS)
    assert list(done.parts["encoder"].lengths) == ["length_8", "length_3"]


def test_a_part_that_is_kept_takes_any_length(source: Path, tmp_path: Path) -> None:
    done = convert_bundle(
        source, output=tmp_path / "x.zip", calibrate=TEXTS, lengths=LENGTHS, parts={"decoder": "keep"}
    )
    assert done.together is not None
    assert done.together.same == 1.0
    with edgemm.load_bundle(tmp_path / "x.zip") as made, steps(made) as (session, taken):
        session.whole(Text("ab", 0, 0))
    assert {(role, name) for role, name, _ in taken} == {("encoder", "length_3"), ("decoder", "")}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"format": "onnx"}, r"expected one shape of each input, since .onnx files have no signatures"),
        ({"calibrate": ["abcdefg", "abcdef"]}, r"expected something that fits in encoder.ids=1,3 too"),
        (
            {"lengths": {"encoder.ids": [(1, 3), (1, 3)]}},
            "each holds the one before, found .1, 3. and .1, 3.",
        ),
        ({"lengths": {"encoder.ids": [(1, 3), (2, 2)]}}, "each holds the one before"),
        ({"lengths": {"encoder.ids": [(1, 3), (1, 3, 4)]}}, "each holds the one before"),
        ({"lengths": {"encoder.ids": [(1, n) for n in range(1, 10)]}}, "at most 8 lengths, found 9"),
        (
            {"lengths": {**LENGTHS, "encoder.mask": [(1, 2)] * 3}},
            "encoder.mask: expected 2 shapes .* found 3",
        ),
        ({"lengths": {"encoder.ids": []}}, r"expected a shape such as"),
        ({"lengths": {"encoder.ids": "1,8"}}, r"expected a shape such as"),
        ({"lengths": {"encoder.ids": [(1, 3), 8]}}, r"expected a shape such as"),
        ({"lengths": {"encoder.ids": [(1, 3), (3, 8)]}}, r"--length encoder.ids=3,8: expected 1,N"),
    ],
)
def test_lengths_that_cannot_be(source: Path, tmp_path: Path, given: Any, said: str) -> None:
    asked = {"calibrate": TEXTS, "lengths": LENGTHS, **given}
    with pytest.raises(InputError, match=said):
        convert_bundle(source, output=tmp_path / "x.zip", **asked)
    assert list(tmp_path.iterdir()) == []


def test_a_driver_that_runs_one_length(level_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the driver 'level' runs one length"):
        convert_bundle(level_folder, output=tmp_path / "x.zip", lengths={"scale.x": [(1, 4), (1, 8)]})


def test_lengths_are_paired_in_their_order() -> None:
    short, long = find_buckets({"a.x": [(1, 9, 2), (1, 4, 2)], "a.y": [(9,), (4,)], "b.z": (7, 7)})
    assert (short.name, long.name) == ("length_4", "length_9")
    assert dict(short.lengths) == {"a.x": (1, 4, 2), "a.y": (4,), "b.z": (7, 7)}
    assert short.holds({"a.x": (1, 4, 2), "other.w": (99,)})
    assert not short.holds({"a.x": (1, 5, 2)})
    assert not short.holds({"a.x": (1, 4)})
