"""Bundles whose parts are converted, against the network computed by hand and the source bundle."""

from __future__ import annotations

import random
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_bundle import (
    CHUNK,
    level,
    level_driver,
    level_folder,
    read_card,
    sound,
    stored,
    write_card,
    write_wav,
)
from tiny_translator import (
    LENGTH,
    RECIPE,
    WIDTH,
    Translator,
    decoder_card,
    write_translator,
)

import edgemm
from edgemm.artifact.bundle import BundleGolden, read_bundle
from edgemm.converters import convert_bundle
from edgemm.converters.bundles import assembled, conversion, fed, parts
from edgemm.converters.bundles.recorded import record
from edgemm.converters.bundles.together import Together
from edgemm.errors import CardError, ConversionError, FidelityMissed, InputError, UnsupportedOperator
from edgemm.judge.items import Item

__all__ = ["level_driver", "level_folder"]

NETWORK = Translator()
TEXTS = tuple("".join(random.Random(at).choices("abcdefgh", k=1 + at % 8)) for at in range(24))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_translator(tmp_path_factory.mktemp("tiny") / "source.zip", NETWORK)


def share(made: Any) -> float:
    """Of the texts for which it writes what the network writes by hand."""
    same: list[bool] = [made(text).to_json()["text"] == NETWORK.text(text) for text in TEXTS]
    return float(np.mean(same))


@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_the_parts_become_int8_and_write_the_same(source: Path, tmp_path: Path, format_: Any) -> None:
    pairs = [(text, NETWORK.text(text)) for text in TEXTS]
    done = convert_bundle(
        source, output=tmp_path / "x.zip", format=format_, calibrate=pairs, scheme="dynamic"
    )
    assert done.size_bytes == (tmp_path / "x.zip").stat().st_size
    with edgemm.load_bundle(tmp_path / "x.zip") as made:
        assert share(made) >= 22 / 24  # words that are nearly as likely may change places
        assert made.models["decoder"].card.states[0].input == "past"
        assert made.replay_goldens()
    with read_bundle(tmp_path / "x.zip") as bundle:
        assert {role: each.file for role, each in bundle.card.parts.items()} == {
            "encoder": f"encoder.{format_}", "decoder": f"decoder.{format_}",
        }  # fmt: skip
        assert all(each.card is None for each in bundle.card.parts.values())
        kept = bundle.card.fidelity
    assert kept["parts"]["decoder"]["scheme"] == "dynamic"
    assert kept["together"]["task"][0] == {
        "measure": "BLEU", "figure": 100, "limit": 99, "float": 100, "samples": 6, "BLEU": 100, "exact": 1,
        "brevity": 1,
    }  # fmt: skip
    assert kept["together"]["forced"]["steps"] == 36
    assert 20 < kept["together"]["forced"]["snr_db"] < 60


def test_parts_are_calibrated_on_what_they_are_fed_with(source: Path) -> None:
    with edgemm.load_bundle(source) as model:
        seen = record(
            model, [Item("hb"), Item("c")], ["encoder", "decoder"], {}, 100, lambda done, total: None
        )
    encoder, decoder = seen["encoder"].samples, seen["decoder"].samples
    assert [each["ids"].tolist() for each in encoder] == [[[8, 2] + 6 * [0]], [[3] + 7 * [0]]]
    assert [each["mask"].sum() for each in encoder] == [2, 1]
    at = 0
    for text in ("hb", "c"):
        tokens = [1, *NETWORK.written(text)][:6]
        for token, state in zip(tokens, NETWORK.steps(text, tokens)[0], strict=True):
            assert decoder[at]["ids"].tolist() == [[token]]
            np.testing.assert_allclose(decoder[at]["past"], state, atol=1e-5)  # float32 in other orders
            assert decoder[at]["memory"].shape == (1, LENGTH, WIDTH)
            np.testing.assert_allclose(
                np.tanh(decoder[at]["memory"].sum(axis=1)), NETWORK.meaning(text), atol=1e-5
            )
            at += 1
    assert at == len(decoder)


def test_parts_are_judged_on_what_was_held_out(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgemm.converters.conversion import convert

    given: dict[str, Any] = {}

    def noted(path: Any, **how: Any) -> Any:
        given[Path(how["output"]).stem] = (how["calibrate"], how["evaluate"])
        return convert(path, **how)

    monkeypatch.setattr(parts, "convert", noted)
    convert_bundle(
        source, output=tmp_path / "x.zip", calibrate=["ab", "cde", "f"], evaluate=["gh"], gate="off"
    )
    calibrated, judged = given["encoder"]
    assert [each["mask"].sum() for each in calibrated] == [2, 3, 1]
    assert [each["ids"][0, :2].tolist() for each in judged] == [[7, 8]]


def test_samples_are_spread_over_all_steps(source: Path) -> None:
    with edgemm.load_bundle(source) as model:
        items = [Item(text) for text in TEXTS]
        seen = record(model, items, ["decoder"], {}, 10, lambda done, total: None)["decoder"]
    assert seen.steps == 6 * len(TEXTS)
    assert len(seen.samples) == 10
    meanings = {each["memory"].tobytes() for each in seen.samples}
    assert len(meanings) > 7


def test_without_data_weights_alone_become_int8(source: Path, tmp_path: Path) -> None:
    done = convert_bundle(source, output=tmp_path / "x.zip", scheme="dynamic")
    assert {each.conversion and each.conversion.scheme for each in done.parts.values()} == {"dynamic"}
    assert done.together is None
    assert conversion.NO_DATA in done.notes
    with edgemm.load(tmp_path / "x.zip") as made:
        assert made("abc").to_json()["text"] == NETWORK.text("abc")


def test_a_scheme_for_each_part(source: Path, tmp_path: Path) -> None:
    done = convert_bundle(
        source, output=tmp_path / "x.zip", calibrate=TEXTS, scheme="float", parts={"decoder": "static"}
    )
    schemes = {role: each.conversion.scheme for role, each in done.parts.items() if each.conversion}
    assert schemes == {"encoder": "float", "decoder": "static"}


def test_a_part_that_is_kept(source: Path, tmp_path: Path) -> None:
    done = convert_bundle(source, output=tmp_path / "x.zip", parts={"encoder": "keep"})
    assert done.parts["encoder"].kept == "as asked for"
    assert done.parts["encoder"].to_json() == {
        "file": "encoder.onnx", "kept": "as asked for",
        "size_bytes": done.parts["encoder"].source_size_bytes,
        "source_size_bytes": done.parts["encoder"].source_size_bytes,
    }  # fmt: skip
    assert "part 'encoder' is left as it is: as asked for" in done.notes
    with read_bundle(source) as before, read_bundle(tmp_path / "x.zip") as after:
        assert after.part_path("encoder").read_bytes() == before.part_path("encoder").read_bytes()
        assert after.card.parts["decoder"].file == "decoder.tflite"
        assert after.card.fidelity["parts"]["encoder"] == {"kept": "as asked for"}


def test_what_is_quantized_already_stays(source: Path, tmp_path: Path) -> None:
    convert_bundle(source, output=tmp_path / "once.zip", parts={"encoder": "keep", "decoder": "dynamic"})
    with pytest.raises(InputError, match=r"no part would be converted.*'decoder': it is quantized already"):
        convert_bundle(tmp_path / "once.zip", output=tmp_path / "x.zip", parts={"encoder": "keep"})
    done = convert_bundle(tmp_path / "once.zip", output=tmp_path / "x.zip")
    assert done.parts["decoder"].kept.startswith("it is quantized already (dynamic)")
    assert done.parts["encoder"].kept == ""
    done = convert_bundle(tmp_path / "once.zip", output=tmp_path / "y.zip", parts={"decoder": "dynamic"})
    assert done.parts["decoder"].kept == ""  # as asked for


def test_what_the_format_cannot_express_stays(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgemm.converters.conversion import convert

    def refuse(path: Any, **how: Any) -> Any:
        if "encoder" in str(path):
            raise UnsupportedOperator("operator Strange (node 'a') is not supported")
        return convert(path, **how)

    monkeypatch.setattr(parts, "convert", refuse)
    done = convert_bundle(source, output=tmp_path / "x.zip")
    assert (
        done.parts["encoder"].kept
        == ".tflite cannot express it: operator Strange (node 'a') is not supported"
    )
    with pytest.raises(UnsupportedOperator, match="part 'encoder': operator Strange"):
        convert_bundle(source, output=tmp_path / "y.zip", parts={"encoder": "dynamic"})
    assert not (tmp_path / "y.zip").exists()


def open_bundle(tmp_path: Path, length: int = 0, **card: Any) -> Path:
    """Its files leave the source's length open; the card says it, or not."""
    recipe = replace(RECIPE, source=replace(RECIPE.source, length=length or 64))
    made = decoder_card(**card) if card else None
    return write_translator(tmp_path / "open.zip", NETWORK, recipe, length=0, card=made)


def shapes(path: Path) -> dict[str, list[int]]:
    with edgemm.load_bundle(path) as made:
        return {
            f"{role}.{spec.name}": list(spec.shape)
            for role, each in made.models.items()
            for spec in each.inputs
        }


def test_open_sizes_become_the_cards(tmp_path: Path) -> None:
    convert_bundle(open_bundle(tmp_path, 10), output=tmp_path / "x.zip", calibrate=TEXTS)
    assert shapes(tmp_path / "x.zip") == {
        "encoder.ids": [1, 10], "encoder.mask": [1, 10], "decoder.ids": [1, 1],
        "decoder.memory": [1, 10, WIDTH], "decoder.memory_mask": [1, 10], "decoder.past": [1, WIDTH],
    }  # fmt: skip
    with edgemm.load_bundle(tmp_path / "x.zip") as made:
        assert share(made) >= 22 / 24  # words that are nearly as likely may change places


def test_open_sizes_become_those_given_even_without_data(tmp_path: Path) -> None:
    convert_bundle(open_bundle(tmp_path), output=tmp_path / "x.zip", lengths={"encoder.ids": (1, 9)})
    found = shapes(tmp_path / "x.zip")
    assert (found["encoder.mask"], found["decoder.memory"]) == ([1, 9], [1, 9, WIDTH])


def test_open_sizes_become_the_largest_in_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a driver whose settings say no length."""
    monkeypatch.setattr(fed, "known_lengths", lambda model, given: {})
    done = convert_bundle(open_bundle(tmp_path), output=tmp_path / "x.zip", calibrate=TEXTS)
    found = shapes(tmp_path / "x.zip")
    assert (found["encoder.ids"], found["decoder.memory"]) == ([1, 8], [1, 8, WIDTH])
    assert (
        "part 'encoder', input 'ids': [1, 8], the largest in the data; --length encoder.ids=... gives another"
        in done.notes
    )
    assert not any("memory" in note for note in done.notes)


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        (
            {"encoder.idz": (1, 9)},
            r"--length encoder.idz: expected ROLE.INPUT, one of encoder.ids.*Did you mean",
        ),
        ({"encoder.ids": (2, 9, 1)}, r"--length encoder.ids=2,9,1: expected 1,N"),
        ({"encoder.ids": (2, 9)}, r"--length encoder.ids=2,9: expected 1,N"),
    ],
)
def test_lengths_that_do_not_fit(tmp_path: Path, lengths: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert_bundle(open_bundle(tmp_path), output=tmp_path / "x.zip", lengths=lengths)


def test_a_state_that_is_given_once_stays_in_onnx(tmp_path: Path) -> None:
    done = convert_bundle(
        open_bundle(tmp_path, 8, kind="first-run"), output=tmp_path / "x.zip", calibrate=TEXTS
    )
    assert done.parts["decoder"].kept.startswith("its state 'past'")
    assert done.parts["encoder"].file == "encoder.tflite"
    assert done.together is not None
    assert done.together.same == 1.0


def test_a_part_below_its_gate(source: Path, tmp_path: Path) -> None:
    with pytest.raises(FidelityMissed, match="part 'decoder': fidelity is below the gate") as missed:
        convert_bundle(
            source, output=tmp_path / "x.zip", calibrate=TEXTS, parts={"encoder": "float"}, min_db=150
        )
    assert missed.value.conversion.fidelity.outputs[0].name == "logits"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gate", ["fail", "warn", "off"])
def test_a_whole_below_its_gate(
    source: Path, tmp_path: Path, gate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "judge", lambda *given: Together(6, missed=("it stammers",)))
    output = tmp_path / "x.zip"
    if gate == "fail":
        with pytest.raises(FidelityMissed, match="nothing was written: it stammers") as missed:
            convert_bundle(source, output=output, calibrate=TEXTS)
        assert missed.value.conversion.to_json()["gate_missed"] == ["it stammers"]
        assert list(tmp_path.iterdir()) == []
        return
    done = convert_bundle(source, output=output, calibrate=TEXTS, gate=gate)
    assert output.exists()
    assert ("below the gate: it stammers" in done.notes) is (gate == "warn")


def test_sound_with_a_state_and_a_golden(level_folder: Path, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for count in (40, 52, 64, 80):
        write_wav(recordings / f"{count}.wav", sound(count))
    done = convert_bundle(level_folder, output=tmp_path / "x.zip", calibrate=recordings, scheme="float")
    assert {each.file for each in done.parts.values()} == {"sum.tflite", "scale.tflite"}
    samples = stored(sound(20)).astype(np.float32)
    with edgemm.load_bundle(tmp_path / "x.zip") as made:
        found = made(samples, sample_rate=8000).to_json()["values"]["level"]
        assert found == pytest.approx(level(samples)[-1:].tolist(), rel=1e-5)
        assert any(each.output == "golden 1: values" and each.ok for each in made.replay_goldens())
    with read_bundle(tmp_path / "x.zip") as bundle:
        assert list(bundle.card.assets) == ["table", "golden1"]
        named = {entry.file for _, entry in bundle.card.files()}
        assert set(zipfile.ZipFile(tmp_path / "x.zip").namelist()) == {"bundle.json", *named}
    assert CHUNK == 4


def test_a_golden_is_what_the_new_bundle_answers(source: Path, tmp_path: Path) -> None:
    golden = BundleGolden(text="abc", expected={"text": "something else"})
    path = write_translator(tmp_path / "golden.zip", NETWORK, goldens=(golden,))
    convert_bundle(path, output=tmp_path / "x.zip")
    with read_bundle(tmp_path / "x.zip") as bundle:
        assert [each.expected["text"] for each in bundle.card.goldens] == [NETWORK.text("abc")]


def test_a_key_that_is_not_known_is_refused(level_folder: Path, tmp_path: Path) -> None:
    write_card(level_folder, read_card(level_folder) | {"asets": {}})
    with pytest.raises(edgemm.EdgemmError, match="asets"):
        convert_bundle(level_folder, output=tmp_path / "x.zip")


def test_outputs_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        convert_bundle(source, output=tmp_path / "nowhere" / "x.zip")
    before = source.read_bytes()
    with pytest.raises(InputError, match="the output"):
        convert_bundle(source, output=source)
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"output": "x.tflite"}, "must end in .zip"),
        ({"format": "tfllite"}, "format: expected one of tflite, onnx"),
        ({"scheme": "static"}, "scheme static needs calibration data"),
        ({"parts": {"decoder": "static"}}, "scheme static needs calibration data"),
        ({"parts": {"decoder": "int4"}}, r"part \(--part decoder\): expected one of"),
        ({"parts": {"joiner": "keep"}}, "--part joiner: expected one of encoder, decoder"),
        ({"limit": 0}, r"limit \(--samples\)"),
        ({"gate": "maybe"}, "gate: expected one of"),
        ({"calibrate": []}, "--calibrate: expected a path, or a sequence of str"),
        ({"calibrate": ["abc", "a", "xyz"]}, "--calibrate, item 3: a text: expected characters"),
    ],
)
def test_what_does_not_fit(source: Path, tmp_path: Path, how: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"output": tmp_path / "x.zip"} | how
    with pytest.raises(InputError, match=said):
        convert_bundle(source, **given)
    assert list(tmp_path.iterdir()) == []


def test_a_driver_that_does_not_take_a_converted_part_says_what_to_do(
    level_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A voice whose length would be fixed, say: the source is whole, and what was written for a while is not named."""
    opening = assembled.opened_here

    def refuse(path: Path) -> Any:
        if Path(path) != level_folder:
            raise CardError(
                f"{path}: driver 'level': part scale: expected an input of any length, found [1, 4]"
            )
        return opening(path)

    monkeypatch.setattr(assembled, "opened_here", refuse)
    with pytest.raises(ConversionError, match=r"part scale: .* --part ROLE=keep") as refused:
        convert_bundle(level_folder, output=tmp_path / "x.zip")
    assert str(refused.value).startswith(f"{level_folder}: as converted, driver 'level'")
    assert not list(tmp_path.glob("x.zip*"))
