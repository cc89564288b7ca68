"""`edgemm prune --sensitivity`: a page of what each group of layers would cost; nothing is pruned."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import onnxruntime
import pytest

from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.cli import main

SOURCE = data.path("models/digits.onnx")
PICTURES = data.path("digits")
WORDS = ["prune", str(SOURCE), "--calibrate", str(PICTURES)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The page, and what was said; torch cannot be imported while it is made."""
    page = tmp_path_factory.mktemp("sensitivity") / "page.html"
    code = (
        "import sys; sys.modules['torch'] = None; from edgemm.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = [*WORDS, "--sensitivity", str(page), "--json"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return page, json.loads(done.stdout)


def test_every_group_has_a_point_at_each_fraction(made: tuple[Path, dict[str, Any]]) -> None:
    content = made[1]
    assert content["schema"] == "edgemm.sensitivity/1"
    found = [(each["layers"], each["before"], each["after"]) for each in content["points"]]
    assert found == [
        ([layer], whole, left)
        for layer, whole in (("/conv1/Conv", 16), ("/conv2/Conv", 32), ("/fc1/Gemm", 128))
        for left in (whole * 3 // 4, whole // 2, whole // 4)
    ]
    assert content["accuracy"] == 1.0


def test_macs_are_those_of_the_shapes(made: tuple[Path, dict[str, Any]]) -> None:
    """3x3 convolutions on 28x28 and, pooled, 14x14; then 7x7x32 -> 128 -> 10."""

    def macs(one: int, two: int, three: int) -> int:
        return one * 9 * 28 * 28 + one * two * 9 * 14 * 14 + two * 49 * three + three * 10

    widths = {"/conv1/Conv": 0, "/conv2/Conv": 1, "/fc1/Gemm": 2}
    for each in made[1]["points"]:
        left = [16, 32, 128]
        left[widths[each["layers"][0]]] = each["after"]
        assert each["macs"] == pytest.approx(macs(*left) / macs(16, 32, 128), abs=1e-9)


def test_the_more_is_removed_the_more_is_lost(made: tuple[Path, dict[str, Any]]) -> None:
    scores = np.array([each["score"] for each in made[1]["points"]]).reshape(3, 3)
    assert (np.diff(scores, axis=1) < 0).all()
    assert scores.max() <= 1.0


def test_the_error_is_that_of_the_outputs(tmp_path: Path) -> None:
    """A layer whose channels are all the same loses nothing; one that is random does."""
    rng = np.random.default_rng(0)
    model = onnx.load_model_from_string(read_artifact(SOURCE).payload)
    for each in model.graph.initializer:
        array = onnx.numpy_helper.to_array(each).copy()
        if each.name in ("conv1.weight", "conv1.bias"):
            array[:] = array[:1]
        elif each.name == "conv2.weight":
            array = rng.standard_normal(array.shape).astype(np.float32)
        each.CopyFrom(onnx.numpy_helper.from_array(array, each.name))
    onnx.save(model, tmp_path / "same.onnx")
    from edgemm.converters import file_sensitivity

    found = file_sensitivity(tmp_path / "same.onnx", calibrate=PICTURES, card=read_artifact(SOURCE).card)
    one, two = (
        [each for each in found.points if each.layers == (name,)] for name in ("/conv1/Conv", "/conv2/Conv")
    )
    assert max(found.lost(each) for each in one) < 1e-3
    assert min(found.lost(each) for each in two) > 0.01


def test_the_page_has_a_bar_for_each_point_as_long_as_its_loss(made: tuple[Path, dict[str, Any]]) -> None:
    page, content = made
    text = page.read_text(encoding="utf-8")
    svg = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    lengths = [float(each.attrib["width"]) for each in svg.iter("rect")]
    losses = [1 - each["score"] for each in content["points"]]
    assert len(lengths) == len(losses) == 9
    longest = int(np.argmax(losses))
    assert lengths == pytest.approx(
        [max(loss / losses[longest] * lengths[longest], 1) for loss in losses], abs=0.06
    )
    assert all(f">{name}" in text for name in ("/conv1/Conv", "/conv2/Conv", "/fc1/Gemm"))


def test_no_text_of_the_picture_leaves_it(made: tuple[Path, dict[str, Any]]) -> None:
    """A letter is some 6.5 pixels wide."""
    text = made[0].read_text(encoding="utf-8")
    svg = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    for each in svg.iter("text"):
        if each.attrib.get("text-anchor") != "end":
            assert float(each.attrib["x"]) + 6.5 * len(each.text or "") <= float(svg.attrib["width"])


def test_it_prints_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--sensitivity", str(tmp_path / "page.html"), "--keep", "/conv2/Conv"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"/conv1/Conv +16 -> 8 channels +0\.58 +\d+\.\d% +\d+\.\d%", told)
    assert "/conv2/Conv" not in told
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_the_source_itself_is_what_accuracy_is_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counted anew, in a plain runtime."""
    images, labels = (each[:200] for each in data.digits())
    wrong = (labels + (np.arange(len(labels)) % 4 == 0)) % 10
    array = (images / 255).astype(np.float32)[:, None]
    np.savez(tmp_path / "labelled.npz", image=array, labels=wrong)
    session = onnxruntime.InferenceSession(read_artifact(SOURCE).payload)
    given = [int(session.run(None, {"image": each[None]})[0].argmax()) for each in array]
    words = [
        "--evaluate",
        str(tmp_path / "labelled.npz"),
        "--sensitivity",
        str(tmp_path / "page.html"),
        "--json",
    ]
    assert main([*WORDS, *words]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == pytest.approx((given == wrong).mean(), abs=1e-6)


def test_some_of_many_samples_are_compared_with_their_own_answers() -> None:
    """A group whose channels are all alike loses nothing, whichever samples are chosen."""
    from edgemm.converters import file_sensitivity

    images, _ = data.digits()
    samples = list((images[:600] / 255).astype(np.float32)[:, None, None])
    found = file_sensitivity(SOURCE, calibrate=samples[:64], evaluate=samples, fractions=[0.05])
    assert any("256 of 600" in note for note in found.notes)
    assert found.points[0].agreement is not None
    assert min(each.agreement or 0.0 for each in found.points) > 0.97


def test_layers_behind_are_fitted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgemm.converters import file_sensitivity
    from edgemm.quantize.prune.graph import sensitivity

    fitted = file_sensitivity(SOURCE, calibrate=PICTURES, fractions=[0.5])
    monkeypatch.setattr(sensitivity, "compensate", lambda *rest, **more: {})
    plain = file_sensitivity(SOURCE, calibrate=PICTURES, fractions=[0.5])
    pairs = zip(fitted.points[:2], plain.points[:2], strict=True)
    assert all(fitted.lost(one) < 0.7 * plain.lost(other) for one, other in pairs)


REFUSED: dict[str, tuple[list[str], str]] = {
    "an output": (["-o", "small.onnx"], "leave out -o"),
    "a target": (["--target", "macs=0.5"], "leave out --target"),
    "another page": (["--report", "other.html"], "leave out --report"),
    "no such layer": (["--keep", "/conv1/Con"], "/conv1/Conv"),
    "all layers kept": (["--keep", "/conv1/Conv", "--keep", "/conv2/Conv", "--keep", "/fc1/Gemm"], "--keep"),
    "no such data": (["--evaluate", "nowhere"], "nowhere"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_written(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words, said = REFUSED[case]
    assert main([*WORDS, "--sensitivity", "page.html", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prune", str(SOURCE), "--sensitivity", "page.html"], "--calibrate"),
        ([*WORDS, "--sensitivity", "no/page.html"], "does not exist"),
        ([*WORDS], "-o OUT"),
        ([*WORDS, "-o", "small.onnx"], "--target"),
        ([*WORDS, "--target", "macs=0.5"], "-o OUT"),
    ],
)
def test_what_is_lacking_is_named(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_page_is_never_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "digits.onnx"
    copy.write_bytes(SOURCE.read_bytes())
    assert main(["prune", str(copy), "--calibrate", str(PICTURES), "--sensitivity", str(copy)]) == 2
    assert "the source file itself" in capsys.readouterr().err
    assert copy.read_bytes() == SOURCE.read_bytes()
