"""What `shrink_file` and `edgemm shrink` take besides .onnx files, and what they refuse before anything is done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import edgemm
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.cli import main
from edgemm.errors import ConversionError, InputError, LatencyMissed

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'edgemm[torch]'")
from torch import nn  # noqa: E402

from edgemm.converters import prepare, prune_file  # noqa: E402
from edgemm.converters import source_graph as graphs  # noqa: E402
from edgemm.converters.shrinking import shrink_file  # noqa: E402
from edgemm.converters.shrinking.options import USUAL  # noqa: E402

DIGITS = data.path("models/digits.onnx")
ONE_EPOCH = replace(USUAL, epochs=1)


class Network(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.end = nn.Linear(16 * 16, 4)

    def forward(self, image: Any) -> Any:
        wide = torch.relu(self.two(torch.relu(self.one(image))))
        return self.end(nn.functional.max_pool2d(wide, 2).flatten(1))


class Recurrent(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.memory, self.end = nn.LSTM(6, 32, batch_first=True), nn.Linear(32, 4)

    def forward(self, sequence: Any) -> Any:
        return self.end(self.memory(sequence)[0][:, -1])


def made(kind: type[Any], *shape: int) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """A seeded network, its example inputs, and data for it."""
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    name = "image" if kind is Network else "sequence"
    samples = [{name: draw.standard_normal((1, *shape)).astype(np.float32)} for _ in range(48)]
    return kind().eval(), (torch.zeros(1, *shape),), {"calibrate": samples}


def saved(folder: Path) -> tuple[Path, Path]:
    """The network as a .pt2 file, and data for it."""
    network, inputs, given = made(Network, 1, 8, 8)
    torch.export.save(torch.export.export(network, inputs), folder / "network.pt2")
    np.savez(folder / "known.npz", image=np.concatenate([each["image"] for each in given["calibrate"]]))
    return folder / "network.pt2", folder / "known.npz"


def conv_widths(path: Path) -> list[int]:
    graph = onnx.load_model_from_string(read_artifact(path).payload).graph
    kernels = {each.name: each.dims[0] for each in graph.initializer if len(each.dims) == 4}
    return [kernels[node.input[1]] for node in graph.node if node.op_type == "Conv"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_exported_program_is_shrunk_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, known = saved(tmp_path)
    words = [
        "--calibrate",
        str(known),
        "--epochs",
        "1",
        "--gate",
        "off",
        "--report",
        str(tmp_path / "page.html"),
    ]
    out = tmp_path / "small.tflite"
    assert main(["shrink", str(source), "-o", str(out), "--prune", "macs=0.5", *words, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["removed"]["after"]["macs"] <= 0.5 * content["removed"]["before"]["macs"]
    assert [each["name"] for each in content["steps"]][:3] == ["source", "pruned", "int8"]
    assert content["steps"][3]["name"] == ("trained" if content["trained"] else "int8, untrained kept")
    assert "over latency" in (tmp_path / "page.html").read_text(encoding="utf-8")
    card = read_artifact(out).card
    assert card is not None
    assert card.history[0].details["compensated_on"] == 36


def test_a_module_is_shrunk_and_left_as_it_is(tmp_path: Path) -> None:
    network, inputs, given = made(Network, 1, 8, 8)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    done = shrink_file(
        network,
        inputs,
        output=tmp_path / "small.onnx",
        prune="macs=0.6",
        **given,
        settings=ONE_EPOCH,
        gate="off",
    )
    assert [str(each) for each in done.removed.removed if each.layer in ("one", "two")]  # type: ignore[union-attr]
    assert [each.name for each in done.steps][:3] == ["source", "pruned", "int8"]
    assert all(bool((each == network.state_dict()[name]).all()) for name, each in before.items())
    assert any("ranked by their weights" in note for note in done.notes)
    assert done.card.history[0].details["compensated_on"] == 0


def test_what_is_kept_is_of_the_module_before_pruning(tmp_path: Path) -> None:
    """The figure of the pruned network, found anew in torch: half of it is gone, so it is far from the source."""
    network, inputs, given = made(Network, 1, 8, 8)
    done = shrink_file(
        network, inputs, output=tmp_path / "small.tflite", prune="macs=0.3", **given, evaluate=given["calibrate"],
        settings=ONE_EPOCH, gate="off",
    )  # fmt: skip
    trained = done.steps[-1].fidelity
    assert trained is not None
    with torch.no_grad():
        right = np.stack([network(torch.from_numpy(each["image"])).numpy()[0] for each in given["calibrate"]])
    with edgemm.load(tmp_path / "small.tflite") as model:
        spec, end = model.inputs[0], model.outputs[0]
        found = [
            model.run({spec.name: spec.quantize(each["image"].transpose(0, 2, 3, 1))})[end.name]
            for each in given["calibrate"]
        ]
    stored = np.stack(found).reshape(right.shape).astype(np.float64)
    real = (stored - end.zero_point) * end.scale if end.scale else stored
    power = ((right - right.mean()) ** 2).mean(), (right.astype(np.float64) ** 2).mean()
    lost = ((real - right) ** 2).mean()
    bounds = [10 * np.log10(each / lost) for each in power]
    assert min(bounds) - 0.5 <= trained.outputs[0].snr_db <= max(bounds) + 0.5


def test_hidden_units_of_a_module_are_removed(tmp_path: Path) -> None:
    network, inputs, given = made(Recurrent, 10, 6)
    done = prune_file(network, inputs, output=tmp_path / "small.onnx", target="parameters=0.6", **given)
    assert [(each.layer, each.kind) for each in done.report.removed] == [("memory", "units")]
    graph = onnx.load_model_from_string(read_artifact(tmp_path / "small.onnx").payload).graph
    (node,) = [each for each in graph.node if each.op_type == "LSTM"]
    assert (
        next(each.i for each in node.attribute if each.name == "hidden_size") == done.report.removed[0].after
    )


def test_a_module_that_is_pruned_computes_what_the_pruned_module_does(tmp_path: Path) -> None:
    import onnxruntime

    from edgemm.quantize.prune import prune

    network, inputs, given = made(Network, 1, 8, 8)
    prune_file(network, inputs, output=tmp_path / "small.onnx", target="macs=0.6", keep=["end"], **given)
    session = onnxruntime.InferenceSession(read_artifact(tmp_path / "small.onnx").payload)
    pruned = prune(network, inputs, target="macs=0.6", keep=["end"]).module
    for each in given["calibrate"][:4]:
        (found,) = session.run(None, {session.get_inputs()[0].name: each["image"]})
        with torch.no_grad():
            np.testing.assert_allclose(found, pruned(torch.from_numpy(each["image"])).numpy(), atol=1e-5)


class Gained(Network):
    def forward(self, image: Any, gain: Any) -> Any:  # type: ignore[override]
        return super().forward(image * gain)


def test_an_input_of_a_module_that_is_constant_is_no_input_any_more(tmp_path: Path) -> None:
    _, inputs, given = made(Network, 1, 8, 8)
    prune_file(
        Gained().eval(), (*inputs, torch.tensor(2.0)), output=tmp_path / "small.onnx", target="macs=0.6",
        constants={"gain": 2.0}, **given,
    )  # fmt: skip
    graph = onnx.load_model_from_string(read_artifact(tmp_path / "small.onnx").payload).graph
    assert [each.name for each in graph.input] == ["image"]


def test_the_source_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, opened = graphs.source_graph, list[str]()

    def counted(source: Any, *rest: Any) -> Any:
        opened.append(str(source))
        return read(source, *rest)

    monkeypatch.setattr(prepare, "source_graph", counted)
    shrink_file(
        DIGITS, output=tmp_path / "a.tflite", calibrate=data.path("digits"), settings=ONE_EPOCH, gate="off"
    )
    assert opened.count(str(DIGITS)) == 1


def test_open_dimensions_and_constant_inputs_are_given_as_to_convert(tmp_path: Path) -> None:
    """The height is open, and a gain is an input of its own."""
    model = onnx.load_model_from_string(read_artifact(DIGITS).payload)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    name = model.graph.input[0].name
    model.graph.node[0].input[0] = "loud"
    model.graph.node.insert(0, onnx.helper.make_node("Mul", [name, "gain"], ["loud"], name="gained"))
    model.graph.input.append(onnx.helper.make_tensor_value_info("gain", onnx.TensorProto.FLOAT, []))
    del model.graph.value_info[:]
    onnx.save(model, tmp_path / "open.onnx")
    images, _ = data.digits()
    assert name == "image"
    np.savez(tmp_path / "known.npz", image=(images[:64] / 255).astype(np.float32)[:, None])
    words = ["shrink", str(tmp_path / "open.onnx"), "-o", str(tmp_path / "a.tflite"), "--prune", "none"]
    words += ["--calibrate", str(tmp_path / "known.npz"), "--epochs", "1", "--gate", "off"]
    assert main(words) == 2
    assert main([*words, "--shape", f"{name}=1,1,28,28"]) == 2
    assert not (tmp_path / "a.tflite").exists()
    assert main([*words, "--shape", f"{name}=1,1,28,28", "--set", "gain=1"]) == 0
    with edgemm.load(tmp_path / "a.tflite") as model_:
        assert [each.shape for each in model_.inputs] == [(1, 28, 28, 1)]


def test_the_gate_has_a_limit_in_decibels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, known = saved(tmp_path)
    words = [
        "shrink",
        str(source),
        "-o",
        str(tmp_path / "a.onnx"),
        "--calibrate",
        str(known),
        "--epochs",
        "1",
    ]
    assert main([*words, "--prune", "none", "--min-db", "150"]) == 3
    assert "150" in capsys.readouterr().err
    assert not (tmp_path / "a.onnx").exists()
    assert main([*words, "--prune", "none", "--min-db", "3"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prune", "none", "--keep", "/conv1/Conv"], "nothing is removed"),
        (["--checkpoint", "no/a.checkpoint"], "--checkpoint"),
        (["--checkpoint", "a.tflite"], "that is the output"),
        (["--scheme", "float"], "auto, static"),
        (["--shape", "image"], "NAME=SIZES"),
        (["--set", "gain=loud"], "NAME=VALUE"),
        (["--card", "none.json"], "none.json"),
        (["--card", "none.json", "--preset", "imagenet"], "expected one of them"),
        (["--evaluate", "nowhere"], "nowhere"),
        (["--target", "coral", "--scheme", "dynamic"], "integers only"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = ["shrink", str(DIGITS), "-o", "a.tflite", "--calibrate", str(data.path("digits"))]
    assert main([*given, *words]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_latency_that_cannot_be_reached_has_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--calibrate", str(data.path("digits")), "-o"]
    assert main(["shrink", str(DIGITS), *words, str(tmp_path / "a.tflite"), "--prune", "ms=0.0001"]) == 4
    assert "nearest measured here is ms=" in capsys.readouterr().err
    assert main(["prune", str(DIGITS), *words, str(tmp_path / "a.onnx"), "--target", "ms=0.0001"]) == 4
    assert list(tmp_path.iterdir()) == []


class Undecided(Network):
    def forward(self, image: Any) -> Any:
        return super().forward(image) if float(image.sum()) > 0 else super().forward(-image)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"prune": "macs=0.0001"}, InputError, "nearest that can is macs="),
        ({"prune": "ms=0.000001"}, LatencyMissed, "nearest that can is ms="),
        ({"keep": ["on"]}, InputError, "did you mean 'one'"),
        ({"keep": "one"}, InputError, "sequence of names"),
        ({"inputs": None}, InputError, "example_inputs"),
        ({"inputs": torch.zeros(1, 1, 8, 8)}, InputError, "write (x,)"),
        ({"inputs": (torch.zeros(1, 3, 8, 8),)}, (InputError, ConversionError), "forward"),
        ({"network": Undecided().eval()}, (InputError, ConversionError), "control flow"),
        ({"network": "none"}, InputError, "none"),
        ({"network": 3}, InputError, "int"),
        ({"calibrate": None}, InputError, "--calibrate"),
        ({"calibrate": []}, InputError, "calibrate"),
    ],
)
def test_a_module_that_does_not_fit_is_refused_and_nothing_written(
    change: dict[str, Any], kind: Any, said: str, tmp_path: Path
) -> None:
    network, inputs, given = made(Network, 1, 8, 8)
    asked = {"network": network, "inputs": inputs, "prune": "macs=0.6", **given, **change}
    source, example = asked.pop("network"), asked.pop("inputs")
    with pytest.raises(kind) as caught:
        shrink_file(source, example, output=tmp_path / "a.tflite", settings=ONE_EPOCH, **asked)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_module_has_no_parts(tmp_path: Path) -> None:
    network, inputs, given = made(Network, 1, 8, 8)
    for run in (
        lambda: shrink_file(network, inputs, output=tmp_path / "o.onnx", outputs=["relu"], **given),
        lambda: prune_file(
            network, inputs, output=tmp_path / "o.onnx", target="macs=0.5", inputs=["relu"], **given
        ),
    ):
        with pytest.raises(
            InputError, match="a torch module is pruned as a module, of which there are no parts"
        ):
            run()
