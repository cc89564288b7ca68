"""TFLITE_METADATA of a .tflite source in the .tflite file that is made of it."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_models import metadata
from needs import package
from tflite_operators import Given, Model, Step, constant

package("onnx_ir")
package("ai_edge_litert.interpreter")

from edgemm.artifact import read_artifact  # noqa: E402
from edgemm.converters import convert  # noqa: E402
from edgemm.converters.tflite.metadata import fitted  # noqa: E402
from edgemm.foreign import foreign_card  # noqa: E402
from edgemm.foreign.flatbuffer import BadFlatbuffer  # noqa: E402
from edgemm.foreign.tflite_file import read_tflite  # noqa: E402
from edgemm.foreign.tflite_metadata import read_metadata  # noqa: E402

LABELS = {"en.txt": "robin\nwren\n", "de.txt": "Rotkehlchen\nZaunkönig\n"}


def described(path: Path, model: Model, said: bytes) -> Path:
    """The model with that metadata and the label files behind it."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as s

    made = s.ModelT.InitFromPackedBuf(model.payload(), 0)
    buffer, entry = s.BufferT(), s.MetadataT()
    buffer.data, entry.name, entry.buffer = list(said), "TFLITE_METADATA", len(made.buffers)
    made.buffers.append(buffer)
    made.metadata = [entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(made.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    with zipfile.ZipFile(path, "a") as archive:
        for name, text in LABELS.items():
            archive.writestr(name, text)
    return path


def classifier(heads: int = 1) -> Model:
    """A picture of 8 x 8 to scores of two classes, so many times."""
    rng = np.random.default_rng(0)
    tensors = [
        Given((1, 8, 8, 3)), constant(rng.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)),
        constant(np.zeros(4, np.float32)), Given((1, 8, 8, 4)), constant([1, 2], "int32"), Given((1, 4)),
    ]  # fmt: skip
    steps = [
        Step(
            "CONV_2D", [0, 1, 2], [3], ("Conv2DOptions", {"strideH": 1, "strideW": 1, "dilationHFactor": 1,
                                                         "dilationWFactor": 1, "fusedActivationFunction": 1})
        ),
        Step("MEAN", [3, 4], [5], ("ReducerOptions", {"keepDims": False})),
    ]  # fmt: skip
    outputs, names = [], {0: "image", 5: "features"}
    for head in range(heads):
        at = len(tensors)
        tensors += [constant(rng.normal(0, 1, (2, 4)).astype(np.float32)), Given((1, 2)), Given((1, 2))]
        steps.append(Step("FULLY_CONNECTED", [5, at, -1], [at + 1], ("FullyConnectedOptions", {})))
        steps.append(Step("SOFTMAX", [at + 1], [at + 2], ("SoftmaxOptions", {"beta": 1.0})))
        names[at + 2] = f"scores{head}"
        outputs.append(at + 2)
    return Model(tensors, steps, [0], outputs, names)


def told(path: Path) -> bytes:
    return bytes(read_tflite(read_artifact(path).payload).metadata["TFLITE_METADATA"])


@pytest.mark.parametrize("scheme", ["float", "dynamic", "static"])
def test_metadata_and_label_files_are_kept_as_they_were(tmp_path: Path, scheme: Any) -> None:
    source = described(tmp_path / "m.tflite", classifier(), metadata("classifier"))
    data = np.random.default_rng(1).uniform(-2, 2.5, (24, 1, 8, 8, 3)).astype(np.float32)
    np.savez(tmp_path / "data.npz", image=data)
    done = convert(
        source, output=tmp_path / "o.tflite", scheme=scheme, calibrate=tmp_path / "data.npz", gate="off"
    )
    artifact = read_artifact(done.output)
    assert told(done.output) == metadata("classifier")
    assert {name: content.decode() for name, content in artifact.associated.items()} == LABELS
    assert artifact.card is not None
    assert artifact.card.labels == ("robin", "wren")
    without = foreign_card(replace(artifact, card=None), locale="de")
    assert without is not None
    assert without.card.labels == ("Rotkehlchen", "Zaunkönig")
    assert any("feed pictures as uint8 or float32" in note for note in done.notes) == (scheme == "static")


def test_none_is_written_into_onnx(tmp_path: Path) -> None:
    source = described(tmp_path / "m.tflite", classifier(), metadata("classifier"))
    done = convert(source, output=tmp_path / "o.onnx", scheme="float")
    assert done.card.labels == ("robin", "wren")
    assert read_artifact(done.output).associated == {}


def test_a_cut_keeps_the_entries_of_the_outputs_that_are_left(tmp_path: Path) -> None:
    source = described(tmp_path / "m.tflite", classifier(4), metadata("detector"))
    before = read_metadata(metadata("detector"))
    done = convert(source, output=tmp_path / "o.tflite", scheme="float", outputs=["scores2", "scores0"])
    after = read_metadata(told(done.output))
    assert after.outputs == (before.outputs[2], before.outputs[0])
    assert (after.inputs, after.name) == (before.inputs, before.name)
    assert before.output_groups
    assert not after.output_groups


def test_a_cut_inside_leaves_it_out_and_says_so(tmp_path: Path) -> None:
    source = described(tmp_path / "m.tflite", classifier(), metadata("classifier"))
    done = convert(source, output=tmp_path / "o.tflite", scheme="float", outputs=["features"])
    assert "TFLITE_METADATA" not in read_tflite(read_artifact(done.output).payload).metadata
    assert any("left out: it does not describe 'features'" in note for note in done.notes)
    assert sorted(read_artifact(done.output).associated) == sorted(LABELS)


def test_a_card_that_says_otherwise_is_told(tmp_path: Path) -> None:
    source = described(tmp_path / "m.tflite", classifier(), metadata("classifier"))
    own = foreign_card(read_artifact(source))
    assert own is not None
    card = own.card.with_(labels=("one", "two"))
    done = convert(source, output=tmp_path / "o.tflite", scheme="float", card=card)
    assert any("says otherwise than the card" in note for note in done.notes)
    assert read_artifact(done.output).card.labels == ("one", "two")  # type: ignore[union-attr]


@pytest.mark.parametrize("outputs", [[4], [0, 1, 2, 3, 3], [-1]])
def test_tensors_that_are_not_described_are_refused(outputs: Sequence[int]) -> None:
    with pytest.raises(BadFlatbuffer, match="describes 4 tensors"):
        fitted(metadata("detector"), [0], outputs, [])


def test_what_is_shrunk_keeps_it(tmp_path: Path) -> None:
    """The picture and its scores are where they were, also behind pruning and training."""
    package("torch")
    from edgemm.converters.shrinking import shrink_file
    from edgemm.converters.shrinking.options import USUAL

    source = described(tmp_path / "m.tflite", classifier(), metadata("classifier"))
    draw = np.random.default_rng(1)
    data = [draw.uniform(-2, 2.5, (1, 8, 8, 3)).astype(np.float32) for _ in range(32)]
    done = shrink_file(
        source, output=tmp_path / "o.tflite", calibrate=data, prune="macs=0.8", gate="off",
        settings=replace(USUAL, epochs=1),
    )  # fmt: skip
    assert told(done.output) == metadata("classifier")
    assert sorted(read_artifact(done.output).associated) == sorted(LABELS)
    (given,) = read_tflite(read_artifact(done.output).payload).inputs
    assert given.shape == (1, 8, 8, 3)
