"""`model.generate`, and streams of seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs
from tiny_generator import generator_card, write_generator

import edgemm
from edgemm.card import InputCard, LatentRecipe
from edgemm.cli import main
from edgemm.errors import CardError, InputError
from edgemm.media import Seed
from edgemm.opencv import opencv
from edgemm.preprocess.latents import Latents
from edgemm.session import NO_CLOCK
from edgemm.tensors import TensorSpec

cv2: Any = needs(opencv)


def made(results: Any) -> list[list[int]]:
    return [each.pixels.reshape(-1).tolist() for each in results]


@pytest.mark.parametrize("label", ["one-hot", "index"])
@pytest.mark.parametrize(
    ("asked", "number"), [("high", 2), (2, 2), ("2", 2), (0, 0), ("low", 0), (np.int64(1), 1)]
)
def test_a_picture_of_a_class(tmp_path: Path, label: str, asked: Any, number: int) -> None:
    """By hand: PCG64's uniform numbers, and ten for each class."""
    noise = np.random.Generator(np.random.PCG64(7)).uniform(0.0, 5.0, (1, 16)).astype(np.float32)
    expected = np.rint(noise[0] + 100 + 10 * number).astype(int).tolist()
    with edgemm.load(write_generator(tmp_path / "g.onnx", label), card=generator_card(label)) as model:
        assert made(model.generate(7, label=asked)) == [expected]


def test_numbers_of_a_seed_are_those_that_they_were() -> None:
    """What seed 0 draws, to the bit: a file's pictures are the same on every machine and next year."""
    latents = Latents((InputCard("z", latent=LatentRecipe()),), (TensorSpec("z", (1, 4), "float32"),), ())
    ((place, drawn),) = latents.drawn(0, None)
    assert place == 0
    assert drawn.view(np.uint32).tolist() == [[1040236396, 3188147839, 1059320509, 1037489631]]


def test_normal_noise_has_the_cards_mean_and_deviation(tmp_path: Path) -> None:
    card = generator_card("", LatentRecipe("normal", mean=20.0, std=3.0))
    with edgemm.load(write_generator(tmp_path / "g.onnx", ""), card=card) as model:
        pixels = np.array(made(model.generate(0, count=200)))
    assert pixels.mean() == pytest.approx(120, abs=0.3)
    assert pixels.std() == pytest.approx(3, abs=0.2)


def test_each_result_is_that_of_its_own_seed(tmp_path: Path) -> None:
    with edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model:
        several = made(model.generate(3, label=1, count=4))
        assert several == [made(model.generate(seed, label=1))[0] for seed in (3, 4, 5, 6)]
        assert len({tuple(each) for each in several}) == 4


def test_without_a_label_the_seed_decides_and_the_noise_stays(tmp_path: Path) -> None:
    with edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model:
        found = []
        for seed in range(30):
            (any_,), (low,) = made(model.generate(seed)), made(model.generate(seed, label=0))
            differences = {a - b for a, b in zip(any_, low, strict=True)}
            assert len(differences) == 1
            found.append(differences.pop() // 10)
            assert made(model.generate(seed)) == [any_]
    assert set(found) == {0, 1, 2}


def test_places_of_classes_and_their_marks(tmp_path: Path) -> None:
    inputs = (
        InputCard("noise", latent=LatentRecipe("uniform", low=0.0, high=0.001)),
        InputCard("class", latent=LatentRecipe("one-hot", first=1, on=2.0, off=0.5)),
    )
    card = generator_card(labels=("a", "b"), inputs=inputs)
    with edgemm.load(write_generator(tmp_path / "g.onnx"), card=card) as model:
        assert made(model.generate(0, label="b"))[0][0] == 100 + 20 * 2 + 10 * 0.5
        with pytest.raises(InputError, match="one of a, b, or a number from 0 to 1, found '2'"):
            model.generate(0, label=2)


@pytest.mark.parametrize("label", ["hgh", 3, -1, True, 1.0, "", "٣"])
def test_no_such_class(tmp_path: Path, label: Any) -> None:
    with (
        edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model,
        pytest.raises(InputError, match="label: expected one of low, middle, high, or a number from 0 to 2"),
    ):
        model.generate(0, label=label)


def test_a_generator_without_classes_takes_no_label(tmp_path: Path) -> None:
    with (
        edgemm.load(write_generator(tmp_path / "g.onnx", ""), card=generator_card("")) as model,
        pytest.raises(InputError, match="makes no classes"),
    ):
        model.generate(0, label=0)


@pytest.mark.parametrize("seed", [-1, 1.5, "3", True, 1 << 63, None])
def test_no_such_seed(tmp_path: Path, seed: Any) -> None:
    with (
        edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model,
        pytest.raises(InputError, match="seed: expected a whole number from 0 to"),
    ):
        model.generate(seed)


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "2"])
def test_no_such_count(tmp_path: Path, count: Any) -> None:
    with (
        edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model,
        pytest.raises(InputError, match="count: expected 1 or more"),
    ):
        model.generate(0, count=count)


def test_tensors_may_be_given_all_the_same(tmp_path: Path) -> None:
    given = {"noise": np.zeros((1, 16), np.float32), "class": np.array([[0, 0, 1]], np.float32)}
    with edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model:
        assert made([model(given)]) == [[120] * 16]


def test_what_is_no_generator_says_so(tmp_path: Path) -> None:
    with (
        edgemm.load(write_generator(tmp_path / "g.onnx", "")) as model,
        pytest.raises(InputError, match=r"expected a generator.*found a model that takes tensors"),
    ):
        model.generate()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((LatentRecipe("index"), None), r"latent index: expected one number, found float32\[1, 16\]"),
        ((None, LatentRecipe("one-hot", first=1)), "expected room for 3 classes from place 1 on"),
        ((LatentRecipe("uniform", low=1.0, high=1.0), None), "high: expected a number above low"),
    ],
)
def test_a_latent_that_does_not_fit(tmp_path: Path, inputs: Any, message: str) -> None:
    usual = generator_card().inputs
    cards = tuple(
        InputCard(each.name, latent=new or each.latent) for each, new in zip(usual, inputs, strict=True)
    )
    with (
        pytest.raises(CardError, match=message),
        edgemm.load(
            write_generator(tmp_path / "g.onnx"), card=generator_card(inputs=cards).to_dict()
        ) as model,
    ):
        model.session()


def test_latents_are_for_tensors(tmp_path: Path) -> None:
    card = generator_card().to_dict()
    card["inputs"][0]["value"] = 1.0
    with pytest.raises(CardError, match="latent: expected an input of modality tensor without a value"):
        edgemm.load(write_generator(tmp_path / "g.onnx"), card=card)


def test_a_stream_of_seeds(tmp_path: Path) -> None:
    with (
        edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model,
        edgemm.open_source("seed:4..6?label=high") as source,
        model.stream(source) as stream,
    ):
        found = [(item.frame.origin, item.value) for item in stream]
        assert made(value for _, value in found) == made(model.generate(4, label="high", count=3))
        assert [origin for origin, _ in found] == ["seed:4", "seed:5", "seed:6"]
        summary = stream.ledger.summary()
    assert (summary["captured"], summary["delivered"]) == (3, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("seed:", "expected seed:NUMBER"),
        ("seed:x", "expected seed:NUMBER"),
        ("seed:-1", "expected seed:NUMBER"),
        ("seed:5..3", "the last one no smaller"),
        ("seed:1..", "expected seed:NUMBER"),
        ("seed:1?label=", "label: expected the name or the number of a class"),
        ("seed:1?loop=1", "does not have the option 'loop': it has label"),
    ],
)
def test_seeds_that_are_none(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        edgemm.open_source(name)


def test_seeds_have_no_pace() -> None:
    with pytest.raises(InputError, match="seeds have no pace"):
        edgemm.open_source("seed:1", pace="live")


def test_pictures_for_a_generator_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4), np.uint8))
    with (
        edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model,
        edgemm.open_source(tmp_path / "a.png") as source,
        pytest.raises(InputError, match=r"this model takes seeds, but .* is pictures: expected seed:0\.\.9"),
    ):
        model.stream(source)


def test_a_class_that_is_not_known_ends_the_stream(tmp_path: Path) -> None:
    with edgemm.load(write_generator(tmp_path / "g.onnx"), card=generator_card()) as model:
        session = model.session()
        with pytest.raises(InputError, match="label"):
            tuple(session.feed(Seed(0, 0, 0, "none"), NO_CLOCK))
        session.close()


def test_the_command_line_saves_what_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_generator(tmp_path / "g.onnx")
    (tmp_path / "card.json").write_text(generator_card().to_json())
    code = main(
        ["run", str(model), "--card", str(tmp_path / "card.json"), "--source", "seed:0..4?label=high", "--save",
         str(tmp_path / "out"), "--save", str(tmp_path / "out.avi"), "--json"]
    )  # fmt: skip
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [line["result"] for line in lines[:-1]] == [{"width": 4, "height": 4, "channels": 1}] * 5
    assert [each.name for each in sorted((tmp_path / "out").iterdir())] == [
        f"edgemm-00000{n}.png" for n in range(5)
    ]
    first: Any = cv2.imread(str(tmp_path / "out" / "edgemm-000000.png"))
    assert abs(float(first.mean()) - 122.5) < 1.5
    assert lines[-1]["summary"]["sinks"][str(tmp_path / "out.avi")]["frames"] == 5
