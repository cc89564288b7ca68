"""Which form a conversion takes, and what it says of the others."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import edgemm
from edgemm.artifact import read_artifact
from edgemm.converters import convert
from edgemm.converters.fidelity import Role, compare
from edgemm.converters.pipeline import Conversion
from edgemm.converters.pipeline.choose import BY_LABELS, _why_float
from edgemm.converters.pipeline.forms import Tried
from edgemm.converters.pipeline.plan import NOTHING_PAYS
from edgemm.converters.written import write_plan
from edgemm.costs import CostTable
from edgemm.errors import FidelityMissed, InputError, UnsupportedOperator
from edgemm.quantize.choice import Estimate

PLAIN = """net (float[1,16,32,32] x) => (float[1,16,32,32] y) {
  a = Conv <pads = [1, 1, 1, 1]> (x, w)
  b = Relu (a)
  c = Conv <pads = [1, 1, 1, 1]> (b, w)
  d = Relu (c)
  y = Conv <pads = [1, 1, 1, 1]> (d, w)
}"""
"""What integers are made for."""
FUNCTIONS = """net (float[1,8,24,24] x) => (float[1,8,24,24] y) {
  a = Exp (x)
  b = Div (a, two)
  c = Sin (b)
  d = Conv (c, small)
  e = Exp (d)
  y = Div (e, two)
}"""
"""Next to nothing that has an integer form."""

TINY = """net (float[1,12] x) => (float[1,12] y) {
  a = MatMul (x, t)
  b = HardSwish (a)
  c = MatMul (b, t)
  d = HardSwish (c)
  y = MatMul (d, t)
}"""
"""144 weights, used three times."""


def source(folder: Path, text: str) -> Path:
    """A network as a file."""
    proto = parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]>\n{text}')
    random = np.random.default_rng(5)
    constants = {
        "w": random.standard_normal((16, 16, 3, 3)) * 0.1,
        "small": random.standard_normal((8, 8, 1, 1)) * 0.3,
        "two": np.array(2.0),
        "t": random.standard_normal((12, 12)) * 0.3,
    }
    used = {name for node in proto.graph.node for name in node.input}
    proto.graph.initializer.extend(
        numpy_helper.from_array(array.astype(np.float32), name)
        for name, array in constants.items()
        if name in used
    )
    path = folder / "net.onnx"
    onnx.save(proto, path)
    return path


def data(text: str, count: int = 12) -> list[Any]:
    shape = (1, 16, 32, 32) if text is PLAIN else (1, 8, 24, 24)
    random = np.random.default_rng(3)
    return [random.standard_normal(shape).astype(np.float32) for _ in range(count)]


def converted(folder: Path, text: str, ending: str = "tflite", **options: Any) -> Conversion:
    given = {"calibrate": data(text), "target": "vnni"} | options
    return convert(source(folder, text), output=folder / f"out.{ending}", **given)


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_convolutions_become_static_and_the_other_forms_are_told(tmp_path: Path, ending: str) -> None:
    done = converted(tmp_path, PLAIN, ending)
    assert done.scheme == "static"
    chosen = [each for each in done.candidates if each.chosen]
    assert [each.form for each in chosen] == ["static"]
    assert chosen[0].held
    assert chosen[0].fidelity == done.fidelity
    assert chosen[0].latency == done.int8_latency
    others = {each.form: each for each in done.candidates if not each.chosen}
    assert {"dynamic", "float"} <= set(others)
    assert all("slower: predicted" in each.why for each in others.values())
    assert all(each.held is None and each.fidelity is None for each in others.values())
    assert others["float"].latency == done.float_latency
    assert others["float"].predicted_us > chosen[0].predicted_us


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Costs of a machine on which integers are fifty times as slow."""
    table = CostTable.built_in("vnni").to_json()
    for point in (each for points in table["points"].values() for each in points):
        if point["precision"] != "float":
            point["us"] *= 50.0
    path = tmp_path / "slow.json"
    CostTable.from_json(table).write(path)
    return path


def test_where_float_is_faster_it_is_taken_and_it_is_said_how_to_get_int8(tmp_path: Path, slow: Path) -> None:
    done = converted(tmp_path, PLAIN, costs=slow)
    assert done.scheme == "float"
    (told,) = [note for note in done.notes if note.startswith("float is faster here")]
    assert "--prefer size" in told
    small = converted(tmp_path, PLAIN, costs=slow, prefer="size")
    assert small.scheme in ("static", "dynamic", "mixed")
    assert small.size_bytes < done.size_bytes
    assert not any("float is faster" in note for note in small.notes)


def test_the_form_that_is_below_the_gate_is_left_for_the_next(tmp_path: Path) -> None:
    kept = {
        scheme: converted(tmp_path, PLAIN, scheme=scheme).fidelity.worst_db
        for scheme in ("static", "dynamic")
    }
    limit = kept["static"] + 0.5 * (kept["dynamic"] - kept["static"])
    done = converted(tmp_path, PLAIN, min_db=limit, repair="off")
    assert done.scheme == "dynamic"
    left = next(each for each in done.candidates if each.form == "static")
    assert left.held is False
    assert left.fidelity is not None
    assert left.fidelity.worst_db == kept["static"]
    assert left.why.startswith("below the gate")
    assert any("static did not hold the gate" in note for note in done.notes)


def test_float_is_taken_where_no_other_form_holds_the_gate_and_the_reason_is_said(tmp_path: Path) -> None:
    done = converted(tmp_path, PLAIN, min_db=90.0, repair="off")
    assert done.scheme == "float"
    assert any("no int8 form held the gate" in note for note in done.notes)
    assert [each.held for each in done.candidates if each.form != "float"] == [False] * (
        len(done.candidates) - 1
    )
    with pytest.raises(FidelityMissed):
        converted(tmp_path, PLAIN, min_db=90.0, repair="off", scheme="static")


@pytest.mark.parametrize(
    ("roles", "labels", "told"),
    [
        ({"y": Role(class_axis=-1)}, None, True),
        ({"y": Role(class_axis=-1)}, np.arange(50) % 4, False),
        ({}, None, False),
    ],
)
def test_where_the_best_class_is_another_too_often_labels_are_said_to_judge_otherwise(
    roles: dict[str, Role], labels: Any, told: bool
) -> None:
    source, found = np.eye(4)[np.arange(50) % 4], np.eye(4)[np.arange(50) % 4 * (np.arange(50) % 5 > 0)]
    fidelity = compare({"y": source}, {"y": found}, roles=roles, labels=labels)
    assert fidelity.missed
    work: Any = SimpleNamespace(tried={"static": Tried(fidelity, None, 0), "float": Tried(None, None, 0)})
    notes = _why_float(work, [Estimate("static", 1.0, 1), Estimate("float", 9.0, 9)])
    assert "no int8 form held the gate" in notes[0]
    assert (BY_LABELS in notes) is told


def test_what_was_wanted_more_is_repaired_where_that_suffices(tmp_path: Path) -> None:
    kept = converted(tmp_path, PLAIN, "onnx", scheme="static").fidelity.worst_db
    done = converted(tmp_path, PLAIN, "onnx", min_db=kept + 1.0)
    assert done.scheme == "static"
    assert done.card.quantization["repairs"]
    assert done.fidelity.worst_db >= kept + 1.0
    chosen = next(each for each in done.candidates if each.chosen)
    assert chosen.fidelity == done.fidelity
    other = next(each for each in done.candidates if each.held and not each.chosen)
    assert other.predicted_us > chosen.predicted_us  # it holds the gate as it is


def test_accuracy_takes_what_keeps_most_and_is_no_slower_than_float(tmp_path: Path) -> None:
    done = converted(tmp_path, PLAIN, prefer="accuracy")
    held = [each for each in done.candidates if each.held and each.form != "float"]
    assert len(held) >= 2
    assert done.scheme != "float"
    assert done.fidelity.worst_db == max(each.fidelity.worst_db for each in held if each.fidelity)


def test_equal_conversions_give_equal_files(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        done = converted(folder, PLAIN)
        contents.append(done.output.read_bytes())
    assert contents[0] == contents[1]


def test_without_data_dynamic_and_float_are_weighed(tmp_path: Path) -> None:
    done = converted(tmp_path, PLAIN, calibrate=None)
    assert {each.form for each in done.candidates} == {"dynamic", "float"}
    assert any("there is no calibration data" in note for note in done.notes)


def test_candidates_are_in_the_json_and_in_the_card(tmp_path: Path) -> None:
    done = converted(tmp_path, PLAIN)
    told = json.loads(json.dumps(done.to_json()))["candidates"]
    assert [each["form"] for each in told] == [each.form for each in done.candidates]
    assert [each["chosen"] for each in told].count(True) == 1
    assert next(each for each in told if each["chosen"])["fidelity"]["outputs"]
    card = read_artifact(done.output).card
    assert card is not None
    assert [each["form"] for each in card.quantization["candidates"]] == [each["form"] for each in told]
    assert not any("latency" in each for each in card.quantization["candidates"])


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_sizes_of_what_was_not_written_are_near_and_told_as_estimates(tmp_path: Path, ending: str) -> None:
    done = converted(tmp_path, PLAIN, ending)
    assert [each.size_is_estimated for each in done.candidates] == [
        not each.chosen for each in done.candidates
    ]
    told = {each["form"]: each for each in done.to_json()["candidates"]}
    assert told[done.scheme]["size_bytes"] == done.size_bytes == done.output.stat().st_size
    assert [each["size_is_estimated"] for each in told.values()] == [
        not each["chosen"] for each in told.values()
    ]
    goldens = 200_000  # of pictures of 64 kB; each form has its own
    for scheme in ("float", "dynamic"):
        alone = converted(tmp_path, PLAIN, ending, scheme=scheme, gate="off")
        assert abs(told[scheme]["size_bytes"] - alone.size_bytes) < goldens


@pytest.mark.parametrize("ending", ["tflite", "onnx"])
def test_a_tiny_network_that_integers_make_neither_faster_nor_smaller_stays_float(
    tmp_path: Path, ending: str
) -> None:
    random = np.random.default_rng(4)
    given = [random.standard_normal((1, 12)).astype(np.float32) for _ in range(12)]
    done = converted(tmp_path, TINY, ending, calibrate=given)
    assert done.scheme == "float"
    sizes = {each.form: each.size_bytes for each in done.candidates}
    assert max(sizes.values()) - min(sizes.values()) < 8000
    (reason,) = [note for note in done.notes if note.startswith("scheme float: ")]
    assert reason.removeprefix("scheme float: ") == done.candidates[0].why


@pytest.mark.parametrize("scheme", ["float", "dynamic", "static", "mixed"])
def test_latencies_are_told_under_names_that_are_true(tmp_path: Path, scheme: str) -> None:
    done = converted(tmp_path, PLAIN, scheme=scheme)
    told = json.loads(json.dumps(done.to_json()))
    assert (told["scheme"], told["written"]) == (scheme, True)
    assert told["latency_ms"] == round(done.latency.median_ms, 4) == told["latency"]["median_ms"]
    assert ("int8_latency_ms" in told, "int8_latency" in told) == (scheme != "float",) * 2
    assert told.get("int8_latency", told["latency"]) == told["latency"]


def test_what_missed_the_gate_says_that_it_was_not_written(tmp_path: Path) -> None:
    with pytest.raises(FidelityMissed) as caught:
        converted(tmp_path, PLAIN, min_db=90.0, repair="off", scheme="static")
    assert caught.value.conversion is not None
    told = caught.value.conversion.to_json()
    assert told["written"] is False
    assert told["gate_missed"]
    assert not Path(told["output"]).exists()


def test_a_scheme_that_was_asked_for_is_the_only_candidate(tmp_path: Path) -> None:
    done = converted(tmp_path, PLAIN, scheme="dynamic")
    (only,) = done.candidates
    assert (only.form, only.chosen, only.why) == ("dynamic", True, "asked for")
    assert only.predicted_us > 0


def test_mixed_can_be_asked_for(tmp_path: Path) -> None:
    done = converted(tmp_path, FUNCTIONS, scheme="mixed")
    assert done.scheme == "mixed"
    assert done.card.quantization["activations"] == "int8 or float"
    with pytest.raises(InputError, match="mixed needs calibration data"):
        converted(tmp_path, FUNCTIONS, scheme="mixed", calibrate=None)


def test_a_mixed_file_in_which_nothing_pays_says_that_it_is_float(tmp_path: Path, slow: Path) -> None:
    done = converted(tmp_path, PLAIN, scheme="mixed", costs=slow)
    assert done.size_bytes > 0.9 * converted(tmp_path, PLAIN, scheme="float").size_bytes
    assert any("so the file is float" in note for note in done.notes)
    assert (done.scheme, done.to_json()["scheme"], done.card.quantization["scheme"]) == ("float",) * 3
    assert [(each.form, each.chosen, each.why) for each in done.candidates] == [("float", True, NOTHING_PAYS)]
    assert not any(
        "so the file is float" in note for note in converted(tmp_path, PLAIN, scheme="mixed").notes
    )


@pytest.mark.parametrize(("target", "told"), [("arm", True), ("vnni", False), ("cpu", False)])
def test_costs_of_another_kind_of_processor_are_told(tmp_path: Path, target: str, told: bool) -> None:
    path = tmp_path / "here.json"
    CostTable.built_in("vnni").write(path)
    done = converted(tmp_path, PLAIN, costs=path, target=target)
    assert any("these costs (--costs) are of" in note for note in done.notes) is told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prefer": "spede"}, "speed"),
        ({"prefer": "size", "scheme": "static"}, "Leave one of them out"),
        ({"costs": "nothing.json"}, "nothing.json"),
        ({"costs": 3}, "expected the path"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_read(
    tmp_path: Path, options: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        convert(tmp_path / "absent.onnx", output=tmp_path / "out.tflite", **options)


def test_the_explanation_has_the_predicted_time_of_each_node(tmp_path: Path) -> None:
    lines = converted(tmp_path, PLAIN).explanation.splitlines()
    assert "predicted" in lines[0]
    column = lines[1].index("predicted us")
    times = [float(line[column:].split()[0]) for line in lines[3:] if " Conv " in line]
    assert len(times) == 3
    assert all(time > 0 for time in times)


def test_nothing_is_calibrated_where_a_form_without_ranges_is_the_fastest(
    tmp_path: Path, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("calibrated for nothing")

    monkeypatch.setattr("edgemm.converters.pipeline.plan.calibrate", refused)
    assert converted(tmp_path, PLAIN, costs=slow).scheme == "float"
    with pytest.raises(AssertionError, match="for nothing"):
        converted(tmp_path, PLAIN)


def test_a_form_that_cannot_be_written_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(model: Any, plan: Any, *rest: Any) -> Any:
        if plan.scheme == "static":
            raise UnsupportedOperator("no static form")
        return write_plan(model, plan, *rest)

    monkeypatch.setattr("edgemm.converters.pipeline.write.write_plan", refuses)
    done = converted(tmp_path, PLAIN)
    assert done.scheme in ("dynamic", "mixed")
    left = next(each for each in done.candidates if each.form == "static")
    assert (left.held, left.fidelity, left.why) == (False, None, "it cannot be written: no static form")
    with pytest.raises(UnsupportedOperator):
        converted(tmp_path, PLAIN, scheme="static")


def test_a_repair_that_does_not_suffice_leaves_the_form_that_holds(tmp_path: Path) -> None:
    kept = converted(tmp_path, PLAIN, "onnx", scheme="dynamic").fidelity
    done = converted(tmp_path, PLAIN, "onnx", min_db=kept.worst_db - 0.1)
    assert done.scheme in ("dynamic", "float")
    assert done.fidelity.missed == ()
    assert "repairs" not in done.card.quantization
    alone = converted(tmp_path, PLAIN, "onnx", scheme=done.scheme)
    assert done.fidelity.worst_db == alone.fidelity.worst_db
    with edgemm.load(done.output) as model:
        assert all(outcome.ok for outcome in model.replay_goldens())


def test_where_nothing_can_be_int8_float_is_the_only_form(tmp_path: Path) -> None:
    text = "net (float[1,8,24,24] x) => (float[1,8,24,24] y) { a = Exp (x)  b = Sin (a)  y = Exp (b) }"
    done = converted(tmp_path, text, calibrate=None)
    assert [(each.form, each.chosen) for each in done.candidates] == [("float", True)]
    assert "scheme float: no other form is possible" in done.notes
    assert not any("float is faster" in note or "alone were weighed" in note for note in done.notes)
