"""Metadata of others, mutated: each file has a card, or none, or is refused as damaged; with little memory."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from foreign_models import POSTPROCESS, check_opens, image, metadata, onnx, real, tflite

from edgemm.artifact import read_artifact
from edgemm.card import ModelCard
from edgemm.errors import ArtifactError
from edgemm.foreign import foreign_card

NAMES = {at: f"class {at}" for at in range(40)}
ULTRALYTICS = {"task": "detect", "names": NAMES, "stride": 32, "imgsz": [64, 96], "args": {"nms": False, "conf": 0.3},
               "end2end": False, "description": "Ultralytics YOLO", "kpt_shape": [17, 3]}  # fmt: skip
MODEL_API = {"model_type": "YOLOv8", "labels": " ".join(f"c{at}" for at in range(40)), "mean_values": "1 2 3",
             "scale_values": "255", "label_info": '{"label_names": ["a"]}', "confidence_threshold": "0.3"}  # fmt: skip
MOST_BYTES = 32 << 20
"""Of memory at a time, for files of some kilobytes."""
WILD = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def files(folder: Path) -> Iterator[Path]:
    """One file of each kind."""
    labels = {"en.txt": "a\nb", "de.txt": "c\nd", "labels.txt": "e\nf"}
    outputs = {
        "classifier": [real("o", 1, 2)],
        "detector": [real("s", 1, 9), real("l", 1, 9, 4), real("n", 1), real("c", 1, 9)],
        "segmenter": [real("o", 1, 32, 48, 2)],
    }
    for name, specs in outputs.items():
        yield tflite(folder / f"{name}.tflite", [image()], specs, said=metadata(name), files=labels).path
    bare = [real("b", 1, 9, 4), real("c", 1, 9), real("s", 1, 9), real("n", 1)]
    picture = image(dtype="uint8", scale=1 / 128, zero_point=128)
    operators = [(POSTPROCESS, [0], [1, 2, 3, 4])]
    yield tflite(
        folder / "bare.tflite", [picture], bare, operators=operators, options=b"\1" * 40, files=labels
    ).path
    rows = [real("o", 1, 44, 126)]
    yield tflite(folder / "yolo.tflite", [image()], rows, files={"temp_meta.txt": str(ULTRALYTICS)}).path
    planes = image((1, 3, 64, 96))
    yield onnx(folder / "yolo.onnx", [planes], rows, ULTRALYTICS).path
    told = {f"model_info {key}": value for key, value in MODEL_API.items()}
    yield onnx(folder / "intel.onnx", [planes], rows, told).path
    yield onnx(folder / "text.onnx", [planes], [real("o", 1, 8, 5)], {"character": "a\nb\nc"}).path


def mutated(data: bytes, random_: random.Random) -> bytes:
    """A few bytes changed, wild numbers, a piece cut out, or put in twice."""
    made = bytearray(data)
    for _ in range(random_.randint(1, 6)):
        at = random_.randrange(max(len(made) - 4, 1))
        kind = random_.randrange(6)
        if kind < 2:
            made[at] = random_.randrange(256)
        elif kind < 4:
            made[at : at + 4] = struct.pack("<I", random_.choice(WILD))
        elif kind == 4:
            del made[at : at + random_.randint(1, 40)]
        else:
            made[at:at] = made[at : at + random_.randint(1, 40)]
    return bytes(made)


def test_mutants_make_cards_or_none(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    folder = tmp_path / "sound"
    folder.mkdir()
    sources = list(files(folder))
    found = dict.fromkeys(("card", "none", "damaged"), 0)
    tracemalloc.start()
    try:
        for number in range(rounds(4000, 300)):
            source = sources[number % len(sources)]
            path = tmp_path / f"mutant{source.suffix}"
            path.write_bytes(mutated(source.read_bytes(), random.Random(number)))
            found[outcome(path)] += 1
    finally:
        tracemalloc.stop()
    assert all(found.values()), found


def outcome(path: Path) -> str:
    """What becomes of a file; its card holds together."""
    try:
        artifact = read_artifact(path)
    except ArtifactError:
        return "damaged"
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    card = foreign_card(artifact)
    assert tracemalloc.get_traced_memory()[1] - before < MOST_BYTES
    if card is None:
        return "none"
    assert ModelCard.from_json(card.card.to_json()) == card.card
    assert all(said.isprintable() and len(said) < 2000 for said in card.said), card.said
    check_opens(card, artifact)
    return "card"


def test_the_sources_have_cards(tmp_path: Path) -> None:
    for path in files(tmp_path):
        assert foreign_card(read_artifact(path)) is not None, path.name


@pytest.mark.parametrize("name", ["classifier", "detector", "segmenter", "sound"])
def test_mutants_of_metadata_alone(tmp_path: Path, name: str, rounds: Callable[[int, int], int]) -> None:
    """Inside a sound model, so that none is refused before it is read."""
    from edgemm.foreign.tflite_card import from_metadata
    from edgemm.foreign.tflite_file import read_tflite

    model = read_tflite(tflite(tmp_path / "m.tflite", [image()], [real("o", 1, 2)]).payload)
    cards = 0
    for number in range(rounds(2000, 150)):
        try:
            from_metadata(model, mutated(metadata(name), random.Random(number)), {"en.txt": b"a\nb"})
            cards += 1
        except ValueError:
            pass
    assert cards
