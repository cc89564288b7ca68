"""The examples that make a network smaller: every step leaves files, lines of the table, and a place in the card."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
cv2 = pytest.importorskip("cv2")

import edgemm  # noqa: E402
from edgemm import data  # noqa: E402
from edgemm.quantize.prune.modules.counting import count_macs  # noqa: E402

TRAIN = Path(__file__).parents[1] / "examples" / "train"
SCRIPTS = ("smaller_digits", "smaller_lstm", "smaller_transformer", "smaller_generator")
STEPS = ("trained", "pruned", "distilled", "quantization_aware")


def few_digits() -> Any:
    """A split as the scripts have it, of 64 pictures to train with and 20 to measure with."""
    images = importlib.import_module("digit_images")
    whole = importlib.import_module("shrinking_steps").read_split(None)

    def first(part: Any, count: int) -> Any:
        return images.Pictures(part.images[:count], part.labels[:count])

    return images.Split(first(whole.train, 64), first(whole.validation, 20), first(whole.test, 20))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_takes_every_step(
    name: str, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = importlib.import_module(name)
    monkeypatch.setattr(script, "read_split", lambda _: few_digits())
    if name == "smaller_generator":
        monkeypatch.setattr(script, "DRAWS", 64)
    script.main(["--output", str(tmp_path), "--steps", "2"])
    table = capfd.readouterr().out.splitlines()[-8:]
    assert table[0].split()[0] == "after"
    files = [f"{step}.{kind}.tflite" for step in STEPS for kind in ("float", "static")]
    files.remove("quantization_aware.float.tflite")
    for line, file in zip(table[1:], files, strict=True):
        measured, milliseconds, size = line.split()[-3:]
        assert int(size.replace(",", "")) == (tmp_path / file).stat().st_size
        assert float(milliseconds) > 0
        assert float(measured) >= 0
    with edgemm.load(tmp_path / files[-1]) as model:
        assert tuple(each.step for each in model.card.history) == STEPS
        assert model.card.history[1].details["removed"]
        assert model.card.quantization["scheme"] == "static"
    assert (tmp_path / "grid.png").exists() == (name == "smaller_generator")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short(name: str) -> None:
    assert len((TRAIN / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 120


def test_what_is_removed_is_what_the_scripts_say() -> None:
    from edgemm.quantize.prune import prune

    lstm, transformer, generator = (
        importlib.import_module(f"smaller_{name}") for name in ("lstm", "transformer", "generator")
    )
    example = lstm.EXAMPLE
    half = prune(lstm.LineReader(), (example,), target="macs=0.3").report.removed
    assert [(each.before, each.after) for each in half] == [(128, 64)]
    torch.manual_seed(0)
    parts = prune(transformer.LineAttention(), (example,), target="macs=0.56", scope="uniform").report.removed
    assert {each.after / each.before for each in parts if each.kind == "heads"} == {0.5}
    assert all(0.55 <= each.after / each.before <= 0.6 for each in parts if each.kind == "channels")
    whole = generator.generator()
    small = prune(whole, (generator.EXAMPLE,), target="macs=0.5").module
    assert count_macs(small, (generator.EXAMPLE,)) <= 0.5 * count_macs(whole, (generator.EXAMPLE,))


def test_features_are_those_of_the_bundled_network() -> None:
    """Its last layer, written out, gives the scores of the file itself."""
    import onnx

    quality = importlib.import_module("picture_quality")
    images = data.digits()[0][:20]
    found = quality.features(images.astype(np.float32) / 255)
    stored = {
        each.name: onnx.numpy_helper.to_array(each)
        for each in onnx.load(str(data.path("models/digits.onnx"))).graph.initializer
    }
    scores = found @ stored["fc2.weight"].T + stored["fc2.bias"]
    with edgemm.load(data.path("models/digits.onnx")) as model:
        inputs = images.astype(np.float32)[:, None, None] / 255
        wanted = np.stack([next(iter(model.run({"image": each}).values()))[0] for each in inputs])
    np.testing.assert_allclose(scores, wanted, rtol=1e-3, atol=1e-3)


def test_the_grid_has_both_beside_each_other(tmp_path: Path) -> None:
    quality = importlib.import_module("picture_quality")
    dark, bright = np.zeros((64, 28, 28), np.float32), np.ones((64, 28, 28), np.float32)
    bright[1] = 0.25  # second of the first row
    quality.write_grid(tmp_path / "grid.png", dark, bright)
    found = cv2.imread(str(tmp_path / "grid.png"), cv2.IMREAD_GRAYSCALE)
    assert found.shape == (240, 480)
    assert not found[8:232, 8:232].any()
    assert (found[8:36, 240 + 8 + 28 : 240 + 8 + 56] == 64).all()
    assert (found[36:232, 248:472] == 255).all()


def test_bundled_pictures_are_split_without_overlap() -> None:
    steps = importlib.import_module("shrinking_steps")
    split = steps.read_split(None)
    assert [len(each.images) for each in (split.train, split.validation, split.test)] == [700, 200, 200]
    assert all(
        np.bincount(each.labels).tolist() == [len(each.labels) // 10] * 10
        for each in (split.validation, split.test)
    )
    seen = [each.tobytes() for part in (split.train, split.validation, split.test) for each in part.images]
    assert len(set(seen)) == len(seen)
