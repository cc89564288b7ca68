"""`edgemm enrol` and `edgemm identify`, on a network whose embeddings are the halves of a sound or a picture."""

from __future__ import annotations

import json
import math
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import needs, package

from edgemm import Enrolled
from edgemm.artifact import write_artifact
from edgemm.card import InputCard, ModelCard, OutputCard
from edgemm.card.recipes import AudioRecipe, ImageRecipe
from edgemm.cli import main
from edgemm.onnx_runtime import onnx_runtime
from edgemm.opencv import opencv
from edgemm.tasks.embedding import EmbeddingRecipe

RATE = 8000


def network(shape: Sequence[int]) -> bytes:
    """[1, ..., 2 n] -> [1, 2]: the sums of the first and of the second half of the last dimension."""
    onnx = package("onnx")
    helper, numpy_helper = package("onnx.helper"), package("onnx.numpy_helper")
    columns = np.zeros((shape[-1], 2), np.float32)
    columns[: shape[-1] // 2, 0] = columns[shape[-1] // 2 :, 1] = 1
    axes = np.array(range(1, len(shape) - 1), np.int64)
    nodes = [helper.make_node("MatMul", ["x", "columns"], ["halves"])]
    if len(axes):
        nodes.append(helper.make_node("ReduceSum", ["halves", "axes"], ["embedding"], keepdims=0))
    else:
        nodes.append(helper.make_node("Identity", ["halves"], ["embedding"]))
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "halves",
        [helper.make_tensor_value_info("x", kind, list(shape))],
        [helper.make_tensor_value_info("embedding", kind, [1, 2])],
        [numpy_helper.from_array(columns, "columns"), numpy_helper.from_array(axes, "axes")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def write_model(path: Path, entry: InputCard) -> Path:
    needs(onnx_runtime)
    card = ModelCard(
        task="embedding",
        inputs=(entry,),
        outputs=(OutputCard("embedding", (1, 2)),),
        recipe=EmbeddingRecipe(),
    )
    write_artifact(path, network(entry.shape), card)
    return path


@pytest.fixture
def speaker(tmp_path: Path) -> str:
    recipe = AudioRecipe(sample_rate=RATE, feature="waveform", samples=80, hop=80, stride=80)
    return str(write_model(tmp_path / "s.onnx", InputCard("x", "audio", (1, 80), "NT", audio=recipe)))


@pytest.fixture
def face(tmp_path: Path) -> str:
    recipe = ImageRecipe(color="gray", resize="stretch")
    return str(write_model(tmp_path / "f.onnx", InputCard("x", "image", (1, 1, 4, 8), "NCHW", image=recipe)))


def halves(degrees: float) -> tuple[float, float]:
    """Whose similarity to those of 0 degrees is the cosine."""
    return 0.5 * math.cos(math.radians(degrees)), 0.5 * math.sin(math.radians(degrees))


def write_wav(path: Path, degrees: float) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.repeat(halves(degrees), 40) * 32767).astype("<i2").tobytes())


def write_people(folder: Path, **angles: Sequence[float]) -> list[str]:
    """A folder of recordings for each name."""
    for name, each in angles.items():
        for at, degrees in enumerate(each):
            write_wav(folder / name / f"{at}.wav", degrees)
    return [f"{name}={folder / name}" for name in angles]


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def test_the_threshold_is_that_of_the_stated_rate(
    tmp_path: Path, speaker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    people = write_people(tmp_path, anna=(0, 10, 20), ben=(60, 84))
    out = tmp_path / "v.json"
    found = run("enrol", speaker, *people, "-o", str(out), "--false-accepts", "0.25", capsys=capsys)
    assert found["enrolled"] == {"anna": 3, "ben": 2}
    # anna's three to ben's mean at 72: 72, 62, 52; ben's two to anna's mean at 10: 50, 74. One of these five may pass.
    assert found["fitted"]["different"] == 5
    assert found["fitted"]["false_accepts"] == 0.2
    assert found["threshold"] == pytest.approx(cosine(52), abs=1e-3)
    # each to the rest of its own: anna 15, 0, 15; ben 24, 24
    assert (found["fitted"]["same"], found["fitted"]["false_rejects"]) == (5, 0)
    voices = Enrolled.load(out)
    assert voices.names == ("anna", "ben")
    assert voices.threshold == found["threshold"]


def test_others_who_are_not_enrolled_count(
    tmp_path: Path, speaker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    people = write_people(tmp_path, anna=(0, 10))
    write_people(tmp_path, strangers=(35, 45, 55, 65))
    given = ["-o", str(tmp_path / "v.json"), "--others", str(tmp_path / "strangers"), "--false-accepts"]
    found = run("enrol", speaker, *people, *given, "0", capsys=capsys)
    assert found["fitted"]["different"] == 4
    assert found["threshold"] == pytest.approx(cosine(30), abs=1e-3)
    assert run("enrol", speaker, *people, *given, "0.25", capsys=capsys)["threshold"] == pytest.approx(
        cosine(40), abs=1e-3
    )


def test_who_it_is(tmp_path: Path, speaker: str, capsys: pytest.CaptureFixture[str]) -> None:
    people = write_people(tmp_path, anna=(0, 20), ben=(60, 80))
    write_people(tmp_path, heard=(12, 40, 75))
    out = str(tmp_path / "v.json")
    assert main(["enrol", speaker, *people, "-o", out, "--threshold", "0.9"]) == 0
    said = capsys.readouterr().out
    assert "2 enrolled, threshold 0.9000" in said
    assert "anna  2   0.940" in said
    found = run("identify", speaker, str(tmp_path / "heard"), "--enrolled", out, capsys=capsys)["items"]
    assert [(each["label"], each["detected"]) for each in found] == [
        ("anna", True),
        ("anna", False),
        ("ben", True),
    ]
    assert [each["score"] for each in found] == pytest.approx([cosine(2), cosine(30), cosine(5)], abs=1e-3)
    more = ["--enrolled", out, "--threshold", "0.8"]
    assert run("identify", speaker, str(tmp_path / "heard" / "1.wav"), *more, capsys=capsys)["items"][0][
        "detected"
    ]


def test_whether_it_is_somebody(tmp_path: Path, speaker: str, capsys: pytest.CaptureFixture[str]) -> None:
    people = write_people(tmp_path, anna=(0, 20), ben=(60, 80))
    out = str(tmp_path / "v.json")
    assert main(["enrol", speaker, *people, "-o", out, "--threshold", "0.9"]) == 0
    asked = ["identify", speaker, str(tmp_path / "anna"), "--enrolled", out, "--as"]
    assert main([*asked, "anna"]) == 0
    assert main([*asked, "ben"]) == 3
    assert "not near enough to 'ben', as are 2 of 2 files" in capsys.readouterr().err


def test_somebody_is_added(tmp_path: Path, speaker: str, capsys: pytest.CaptureFixture[str]) -> None:
    people = write_people(tmp_path, anna=(0, 20), ben=(60, 80))
    out = tmp_path / "v.json"
    assert main(["enrol", speaker, people[0], "-o", str(out), "--threshold", "0.9"]) == 0
    assert main(["enrol", speaker, people[1], "-o", str(out), "--add"]) == 0
    voices = Enrolled.load(out)
    assert (voices.names, voices.threshold) == (("anna", "ben"), 0.9)
    assert main(["enrol", speaker, people[1], "-o", str(out), "--add", "--threshold", "0.5"]) == 0
    assert Enrolled.load(out).threshold == 0.5
    assert main(["enrol", speaker, people[1], "-o", str(out), "--threshold", "0.7"]) == 0
    assert Enrolled.load(out).names == ("ben",)


def test_of_pictures(tmp_path: Path, face: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name, angles in {"anna": (5, 15), "ben": (60, 80)}.items():
        (tmp_path / name).mkdir()
        for at, degrees in enumerate(angles):
            pixels = np.repeat(np.array(halves(degrees)) * 2 * 255, 40)[None].repeat(40, axis=0)
            assert opencv().imwrite(str(tmp_path / name / f"{at}.png"), pixels.astype(np.uint8))
    out = str(tmp_path / "faces.json")
    people = [f"{name}={tmp_path / name}" for name in ("anna", "ben")]
    found = run("enrol", face, *people, "-o", out, "--false-accepts", "0", capsys=capsys)
    assert found["threshold"] == pytest.approx(cosine(50), abs=0.02)  # whole grey levels
    rows = run("identify", face, str(tmp_path / "ben"), "--enrolled", out, capsys=capsys)["items"]
    assert [each["label"] for each in rows] == ["ben", "ben"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["anna"], "anna: expected NAME=FOLDER"),
        (["=anna"], "=anna: expected NAME=FOLDER"),
        (["anna="], "anna=: expected NAME=FOLDER"),
        (["anna=anna", "anna=ben"], "expected each name once, found 'anna' twice"),
        (
            ["anna=none", "--threshold", "1"],
            "none: expected a folder of recordings .*found nothing of that name",
        ),
        (["anna=.", "--threshold", "1"], "expected a folder of recordings .*found none in it"),
        (["anna=s.onnx", "--threshold", "1"], "s.onnx: "),
        (["anna=anna"], "expected --false-accepts RATE.*found neither"),
        (["anna=anna", "--false-accepts", "0.1"], "a second name, or --others; found none"),
        (["anna=one", "ben=one", "--false-accepts", "0"], "a second recording or picture of a name"),
        (
            ["anna=anna", "ben=ben", "--false-accepts", "0.001"],
            "cannot be measured on 4 pairs.*--others has more",
        ),
        (
            ["anna=anna", "--others", "ben", "--threshold", "1"],
            "--others: expected --false-accepts beside it",
        ),
        (["anna=anna", "--add", "--false-accepts", "0"], "--false-accepts: expected no --add beside it"),
        (["anna=anna", "--add"], "v.json: cannot be read"),
    ],
)
def test_what_cannot_be_enrolled(
    tmp_path: Path, speaker: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str], said: str,
) -> None:  # fmt: skip
    import re

    write_people(tmp_path, anna=(0, 10), ben=(60, 80), one=(30,))
    monkeypatch.chdir(tmp_path)
    assert main(["enrol", speaker, *words, "-o", "v.json"]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "v.json").exists()


def test_a_model_for_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgemm import data

    words = [
        "enrol",
        str(data.path("models/digits.onnx")),
        "a=b",
        "-o",
        str(tmp_path / "v.json"),
        "--threshold",
        "1",
    ]
    assert main(words) == 2
    assert "expected a model that makes embeddings of sound or pictures, found" in capsys.readouterr().err


def test_of_another_model(tmp_path: Path, speaker: str, capsys: pytest.CaptureFixture[str]) -> None:
    (person,) = write_people(tmp_path, anna=(0, 10))
    out = tmp_path / "v.json"
    Enrolled(0.5, "0" * 64).save(out)
    assert main(["identify", speaker, str(tmp_path / "anna"), "--enrolled", str(out)]) == 2
    assert "Enrol again with this one" in capsys.readouterr().err
    assert main(["enrol", speaker, person, "-o", str(out), "--add"]) == 2
    assert "Enrol again with this one" in capsys.readouterr().err
