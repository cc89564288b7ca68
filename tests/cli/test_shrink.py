"""`edgemm shrink`: a float file in, a smaller int8 file out that was trained to answer as it; and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import edgemm
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.card import ModelCard
from edgemm.cli import main

pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from edgemm.converters.shrinking import shrink_file

SOURCE = data.path("models/digits.onnx")
COUNT, KNOWN = 120, 480


def pictures(path: Path, seed: int, count: int = COUNT) -> Path:
    """The bundled digits, moved and darkened by a seed."""
    images, labels = data.digits()
    draw = np.random.default_rng(seed)
    chosen = draw.integers(0, len(images), count)
    moved = [np.roll(images[at], draw.integers(-2, 3, 2), (0, 1)) * draw.uniform(0.6, 1) for at in chosen]
    array = (np.stack(moved) / 255).astype(np.float32)[:, None]
    np.savez(path, image=array, labels=labels[chosen])
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder with all files, and what was said."""
    folder = tmp_path_factory.mktemp("shrunk")
    known, other = pictures(folder / "known.npz", 0, KNOWN), pictures(folder / "other.npz", 1)
    words = [
        "shrink", str(SOURCE), "-o", str(folder / "small.tflite"), "--prune", "macs=0.15", "--calibrate", str(known),
        "--evaluate", str(other), "--epochs", "8", "--report", str(folder / "page.html"), "--json",
        "--checkpoint", str(folder / "a.checkpoint"),
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "edgemm", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_every_step_is_told(made: tuple[Path, dict[str, Any]]) -> None:
    content = made[1]
    assert content["schema"] == "edgemm.shrink/1"
    assert [each["name"] for each in content["steps"]] == [
        "source",
        "pruned",
        "int8",
        _last(content["notes"]),
    ]
    assert content["trained"] == bool(_helped(content["notes"]))
    sizes = [each["size_bytes"] for each in content["steps"]]
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[3] == (made[0] / "small.tflite").stat().st_size
    assert all(each["latency_ms"] > 0 for each in content["steps"])
    assert content["removed"]["after"]["macs"] <= 0.15 * content["removed"]["before"]["macs"]
    assert len(content["training"]["losses"]["loss"]) == len(content["training"]["scores"]) == 8


def test_what_was_kept_is_of_the_source_itself(made: tuple[Path, dict[str, Any]]) -> None:
    """Counted anew, in plain runtimes, on the pictures that nothing was fitted to."""
    folder, content = made
    session = onnxruntime.InferenceSession(read_artifact(SOURCE).payload)
    given = np.load(folder / "other.npz")
    alike = right = 0
    with edgemm.load(folder / "small.tflite") as model:
        spec = model.inputs[0]
        for picture, label in zip(given["image"], given["labels"], strict=True):
            (scores,) = session.run(None, {session.get_inputs()[0].name: picture[None]})
            answer = model.run({spec.name: spec.quantize(picture.transpose(1, 2, 0)[None])})
            found = int(next(iter(answer.values())).argmax())
            alike += found == int(scores.argmax())
            right += found == int(label)
    kept = content["steps"][-1]["outputs"][0]
    assert kept["top1_agreement"] == pytest.approx(alike / COUNT, abs=1e-5)
    assert kept["accuracy"] == pytest.approx(right / COUNT, abs=1e-5)


def test_the_card_tells_the_chain(made: tuple[Path, dict[str, Any]]) -> None:
    card = read_artifact(made[0] / "small.tflite").card
    assert card is not None
    assert _steps(card) == ["pruned", *_history(made[1]["notes"])]
    assert card.labels == tuple("0123456789")


def _steps(card: ModelCard) -> list[str]:
    return [each.step for each in card.history]


def _helped(notes: Sequence[str]) -> list[str]:
    """The step that is told where training helped."""
    return [] if any("training did not help" in note for note in notes) else ["distilled"]


def _history(notes: Sequence[str]) -> list[str]:
    """What the card tells of the training."""
    return ["distilled", "quantization_aware"] if _helped(notes) else ["distillation_discarded"]


def _last(notes: Sequence[str]) -> str:
    """The name of the last step."""
    return "trained" if _helped(notes) else "int8, untrained kept"


def test_training_regains_what_int8_loses(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Channels that are unlike by up to 400 times, in a network that computes what it did before."""
    model = onnx.load_model_from_string(read_artifact(SOURCE).payload)
    arrays = {each.name: onnx.numpy_helper.to_array(each).copy() for each in model.graph.initializer}
    factors = np.geomspace(1, 400, 16, dtype=np.float32)
    arrays["conv1.weight"] *= factors[:, None, None, None]
    arrays["conv1.bias"] *= factors
    arrays["conv2.weight"] /= factors[None, :, None, None]
    for each in model.graph.initializer:
        each.CopyFrom(onnx.numpy_helper.from_array(arrays[each.name], each.name))
    onnx.save(model, tmp_path / "scaled.onnx")
    done = shrink_file(
        tmp_path / "scaled.onnx", output=tmp_path / "a.tflite", calibrate=made[0] / "known.npz", prune=None,
        evaluate=made[0] / "other.npz", card=read_artifact(SOURCE).card, settings=_settings(8), gate="off",
    )  # fmt: skip
    plain, trained = (each.fidelity for each in done.steps[-2:])
    assert plain is not None
    assert trained is not None
    assert trained.outputs[0].snr_db > plain.outputs[0].snr_db + 3
    assert _steps(done.card) == ["distilled", "quantization_aware"]
    assert done.card.history[0].details["epochs"] == 8


def test_the_page_has_the_picture(made: tuple[Path, dict[str, Any]]) -> None:
    text = (made[0] / "page.html").read_text(encoding="utf-8")
    assert "Accuracy over latency" in text
    assert all(f">{name}</text>" in text for name in ("source", "pruned", "int8", _last(made[1]["notes"])))


def test_the_accuracy_of_the_source_stands_in_its_row(made: tuple[Path, dict[str, Any]]) -> None:
    """Counted anew in ONNX Runtime."""
    folder, content = made
    session = onnxruntime.InferenceSession(read_artifact(SOURCE).payload)
    given = np.load(folder / "other.npz")
    name = session.get_inputs()[0].name
    right = np.mean([
        int(session.run(None, {name: picture[None]})[0].argmax()) == label
        for picture, label in zip(given["image"], given["labels"], strict=True)
    ])  # fmt: skip
    assert content["steps"][0]["accuracy"] == pytest.approx(right, abs=1e-5)
    row = (folder / "page.html").read_text(encoding="utf-8").split("<td>source</td>")[1].split("</tr>")[0]
    assert f"{right:.1%}" in row


def test_a_training_that_is_done_is_not_done_again(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, content = made
    done = shrink_file(
        SOURCE, output=tmp_path / "again.tflite", calibrate=folder / "known.npz", evaluate=folder / "other.npz",
        prune="macs=0.15", checkpoint=folder / "a.checkpoint", settings=_settings(8),
    )  # fmt: skip
    assert done.training.resumed
    assert list(done.training.losses["loss"]) == content["training"]["losses"]["loss"]
    payloads = [read_artifact(path).payload for path in (folder / "small.tflite", tmp_path / "again.tflite")]
    assert payloads[0] == payloads[1]


def _settings(epochs: int) -> Any:
    from dataclasses import replace

    from edgemm.converters.shrinking.options import USUAL

    return replace(USUAL, epochs=epochs)


def test_nothing_pruned_is_training_alone(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    done = shrink_file(
        SOURCE, output=tmp_path / "a.onnx", calibrate=made[0] / "known.npz", prune=None, settings=_settings(1)
    )
    assert [each.name for each in done.steps] == ["source", "int8", _last(done.notes)]
    assert done.removed is None
    assert _steps(done.card) == _history(done.notes)
    assert (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"SOURCE": "none.onnx"}, 2, "there is no such file"),
        ({"-o": "a.bin"}, 2, "end in .tflite or .onnx"),
        ({"--prune": "macs"}, 2, "MEASURE=VALUE"),
        ({"--prune": "macs=2"}, 2, "fraction that is left"),
        ({"--prune": "macs=0.0001"}, 2, "cannot be reached"),
        ({"--calibrate": "none"}, 2, "none"),
        ({"--epochs": "0"}, 2, "epochs"),
        ({"--target": "cpus"}, 2, "Did you mean 'cpu'"),
        ({"--keep": "nothing"}, 2, "nothing"),
        ({"--low-rank": "1.5"}, 2, "above 0 and below 1"),
        ({"--low-rank": "0.9", "--prune": "none"}, 2, "low_rank (--low-rank): nothing is removed"),
        ({"--report": "no/folder/page.html"}, 2, "does not exist"),
        ({"--report": "/proc/page.html", "--epochs": "1"}, 2, "cannot be written"),
    ],
)
def test_what_is_refused_writes_nothing(
    made: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any,
    changed: dict[str, str], code: int, said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = {"SOURCE": str(SOURCE), "-o": "a.tflite", "--calibrate": str(made[0] / "known.npz")} | changed
    words = ["shrink", given.pop("SOURCE"), *(word for pair in given.items() for word in pair)]
    try:
        found = main(words)
    except SystemExit as stop:
        found = int(stop.code or 0)
    assert found == code
    assert said in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_without_torch_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from edgemm.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["shrink", str(SOURCE), "-o", str(tmp_path / "a.tflite"), "--calibrate", "x.npz"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 8
    assert "edgemm[torch]" in done.stderr


def test_low_ranks_are_trained_and_converted_too(
    made: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every two layers are said to be faster."""
    monkeypatch.setattr("edgemm.quantize.prune.graph.lowrank.timed.FASTER", 1e9)
    folder = made[0]
    done = shrink_file(
        SOURCE, output=tmp_path / "small.onnx", prune="macs=0.6", low_rank=0.8, calibrate=folder / "known.npz",
        evaluate=folder / "other.npz", settings=_settings(1), gate="off",
    )  # fmt: skip
    assert done.removed is not None
    assert any("rank" in str(each) for each in done.removed.removed)
    pruned = next(each for each in done.card.history if each.step == "pruned")
    assert pruned.details["low_rank"] == 0.8
    kept = done.steps[-1].fidelity
    assert kept is not None
    assert (kept.outputs[0].top1_agreement or 0.0) > 0.7


def test_training_that_harms_is_left_out(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    from dataclasses import replace

    wild = replace(_settings(1), learning_rate=1.0, clip_norm=None)
    done = shrink_file(
        SOURCE, output=tmp_path / "a.tflite", calibrate=made[0] / "known.npz", evaluate=made[0] / "other.npz",
        prune=None, settings=wild,
    )  # fmt: skip
    plain, trained = (each.fidelity for each in done.steps[-2:])
    assert plain is not None
    assert trained is not None
    assert trained.outputs[0].snr_db == pytest.approx(plain.outputs[0].snr_db)
    assert any("training did not help" in note for note in done.notes)
    assert not any(
        "was trained" in note or "were trained" in note or "quantized" in note for note in done.notes
    )
    assert [each.name for each in done.steps] == ["source", "int8", "int8, untrained kept"]
    assert not done.to_json()["trained"]
    (step,) = done.card.history
    assert (step.step, step.details["epochs"]) == ("distillation_discarded", 1)
    assert "training" not in done.card.quantization
