"""Cost tables: what is read, what is refused, and a measurement on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from needs import needs, package

from edgemm.cli import main
from edgemm.costs import BUILT_IN, CostTable, Point, Work, table_for
from edgemm.costs import measure as measuring
from edgemm.costs.check import require_usable
from edgemm.costs.derived import PRODUCTS, RATIOS
from edgemm.costs.measure import installed_runtimes, measure_costs
from edgemm.costs.models import CostModel, cost_models, with_payloads
from edgemm.costs.table import table_here
from edgemm.errors import EdgemmError, InputError
from edgemm.instructions import Instructions, instructions

pytestmark = pytest.mark.device
POINTS = (
    Point("conv", "float", Work(2, 1000, 30, 9, 4), 12.5),
    Point("softmax", "int8", Work(1, 0, 64, 0, 2), 3.0, delegated=False),
)
TABLE = CostTable("AVX2", {"tflite": POINTS}, machine="a machine", runtimes={"tflite": "litert 2.3.0"})


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    TABLE.write(path)
    assert CostTable.read(path) == TABLE
    assert json.loads(path.read_text())["schema"] == "edgemm.costs/1"


def broken(**changes: Any) -> dict[str, Any]:
    """The JSON of a table with other values; None: without."""
    content = TABLE.to_json()
    for key, value in changes.items():
        if value is None:
            del content[key]
        else:
            content[key] = value
    return content


def with_point(**changes: Any) -> dict[str, Any]:
    """The JSON of a table of one point, with other values; None: without."""
    point = {**POINTS[1].to_json(), **changes}
    return broken(points={"tflite": [{key: value for key, value in point.items() if value is not None}]})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1], "another kind of file"),
        ({"schema": "edgemm.card/1"}, "the schema 'edgemm.card/1'"),
        (broken(schema="edgemm.costs/2"), "the schema 'edgemm.costs/2'"),
        (broken(machine=None), "no 'machine'"),
        (broken(threads="1"), "'threads' of another type"),
        (broken(threads=True), "'threads' of another type"),
        (broken(threads=0), "0 threads"),
        (broken(measured=1), "'measured' of another type"),
        (broken(runtimes={"tflite": 2}), "'runtimes' of another type"),
        (broken(speed=1), "the key 'speed'"),
        (broken(points={}), "no points"),
        (broken(points={"tflite": []}), "no points"),
        (broken(points={"tflite": {}, "onnx": [1]}), "'tflite' of another type"),
        (broken(points={"tflit": [POINTS[0].to_json()]}), "the format 'tflit'"),
        (with_point(us=None), "tflite point 0 without"),
        (with_point(kind=""), "point 0 without a kind"),
        (with_point(precision="int4"), "the precision 'int4'"),
        (with_point(work=[1, 0, 64, 0]), "work is five whole numbers"),
        (with_point(work=[0, 0, 64, 0, 1]), "work is five whole numbers"),
        (with_point(work=[1, 0, -64, 0, 1]), "work is five whole numbers"),
        (with_point(work=[1, 0, 64.5, 0, 1]), "work is five whole numbers"),
        (with_point(us=-1), "tflite point 0 ('softmax' in int8): us, its time in microseconds, is above 0"),
        (with_point(us=0), "tflite point 0 ('softmax' in int8): us, its time in microseconds, is above 0"),
        (with_point(us="3"), "tflite point 0 ('softmax' in int8): us, its time in microseconds, is above 0"),
        (with_point(us=1e10), "tflite point 0 ('softmax' in int8): us, its time in microseconds, is above 0"),
        (with_point(delegated=1), "delegated is true or false"),
        (with_point(note=1), "point 0 with the key 'note'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_refused_with_its_name_and_place(
    tmp_path: Path, content: Any, words: str
) -> None:
    path = tmp_path / "costs.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"costs\.json: expected a cost table \(edgemm\.costs/1\)") as caught:
        CostTable.read(path)
    assert words in str(caught.value)
    assert "bench --costs" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\x00\x01", "it is no JSON from line 1 on"),
        (b'{"schema":\n"edgemm.costs/1",\n', "it is no JSON from line 3 on"),
        (b'{"schema": "edgemm.costs/1",\n"us": NaN}', "line 2: NaN is no time"),
        (b'{"us": 1,\n\n"us": -Infinity}', "line 3: -Infinity is no time"),
        (b'{"us": 1e999}', "line 1: 1e999 is no time"),
        (b'{"us": 1, "us": 2}', "the key 'us' twice"),
        (b"\xff" * 10, "it is no text"),
        (b"[" * 100_000, "lists and objects inside each other"),
    ],
    ids=range(9),
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "costs.json").write_bytes(content)
    with pytest.raises(InputError, match="expected a cost table") as caught:
        CostTable.read(tmp_path / "costs.json")
    told = str(caught.value)
    assert words in told
    assert "edgemm bench --costs -o FILE" in told
    assert not any(each in told for each in ("Expecting", "char 0", "codec", "Extra data"))


def changed(us: Any = None, without: Any = None, of: str = "vnni") -> CostTable:
    """A table that comes with edgemm, with other times, or without some points."""
    table = CostTable.built_in(of)
    kept = {
        format_: tuple(
            replace(each, us=each.us if us is None else us(each))
            for each in points
            if without is None or not without(each)
        )
        for format_, points in table.points.items()
    }
    return replace(table, points=kept)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("format_", ["tflite", "onnx"])
def test_tables_that_come_with_edgemm_can_be_planned_with(name: str, format_: str) -> None:
    require_usable(CostTable.built_in(name), format_, name)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (changed(without=lambda each: each.kind.startswith("conv")), "no times of 'conv' in float and int8 and"),
        (changed(without=lambda each: each.kind == "gemm" and each.precision == "int8"), "no times of 'gemm' in int8"),
        (changed(without=lambda each: each.kind == "change"), "no times of 'change' in int8"),
        (changed(us=lambda each: each.us / 1000), "cannot be microseconds"),
        (changed(us=lambda each: each.us * 1000), "cannot be microseconds"),
        (changed(us=lambda each: each.us * 1000, of="dotprod"), "cannot be microseconds"),
        (replace(TABLE, points={"tflite": POINTS}), "has no times of .onnx files"),
    ],
    ids=["convolutions", "products", "changes", "milliseconds", "nanoseconds", "nanoseconds of Arm", "format"],
)  # fmt: skip
def test_a_table_that_plans_would_not_rest_on_is_refused(table: CostTable, words: str) -> None:
    with pytest.raises(InputError) as caught:
        require_usable(table, "onnx", "pi5.json")
    assert words in str(caught.value)
    assert "pi5.json" in str(caught.value)


def test_slow_machines_are_no_mistake() -> None:
    require_usable(changed(us=lambda each: each.us * 20), "onnx", "slow.json")
    slow = replace(changed(us=lambda each: each.us * 1000), instructions="riscv64")
    require_usable(slow, "onnx", "slower.json")


def test_a_file_without_end_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "costs.json").write_bytes(b" " * (5 << 20))
    with pytest.raises(InputError, match="at most 4194304"):
        CostTable.read(tmp_path / "costs.json")


@pytest.mark.parametrize("there", ["folder", "nothing"])
def test_what_cannot_be_read_is_said(tmp_path: Path, there: str) -> None:
    if there == "folder":
        (tmp_path / there).mkdir()
    with pytest.raises(InputError, match="cannot be read as a cost table"):
        CostTable.read(tmp_path / there)


def test_only_the_table_that_was_measured_says_so() -> None:
    tables = {name: CostTable.built_in(name) for name in BUILT_IN}
    assert [name for name, table in tables.items() if table.measured] == ["vnni"]
    assert "VNNI" in tables["vnni"].instructions
    for name, table in tables.items():
        assert table.name == name
        assert bool(table.unmeasured) is not table.measured
        assert ("VNNI" in table.instructions) is (name == "vnni")
    with pytest.raises(InputError, match="vnni"):
        CostTable.built_in("vnn")


@pytest.mark.parametrize("name", RATIOS)
def test_a_derived_table_has_other_integer_products_and_nothing_else(name: str) -> None:
    measured, other, ratio = CostTable.built_in("vnni"), CostTable.built_in(name), RATIOS[name]
    for format_ in ("tflite", "onnx"):
        for before, after in zip(measured.points[format_], other.points[format_], strict=True):
            factor = 1.0
            floats = before.precision == "float" or (
                before.precision[:7] == "dynamic" and before.kind != "gemm"
            )
            if before.kind in PRODUCTS and not floats:
                factor = ratio.unsigned if before.precision.endswith("u8") else ratio.products[format_]
            assert after == replace(before, us=before.us * factor)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("cpu", "vnni"),
        ("vnni", "vnni"),
        ("x86", "avx2"),
        ("arm", "dotprod"),
        ("tensorrt", "vnni"),
        ("coral", "dotprod"),
    ],
)
def test_each_target_has_a_table(target: str, name: str) -> None:
    assert table_for(target).name == name


def test_here_is_the_table_of_this_processor() -> None:
    assert table_for("here").name == table_here(instructions())
    with pytest.raises(InputError, match="x86"):
        table_for("x85")


@pytest.mark.parametrize(
    ("kind", "names", "name"),
    [
        ("x86", ("AVX2",), "avx2"),
        ("x86", ("AVX2", "VNNI"), "vnni"),
        ("arm", ("NEON",), "dotprod"),
        ("arm", ("NEON", "DOTPROD"), "dotprod"),
        ("arm", ("NEON", "DOTPROD", "I8MM"), "i8mm"),
        ("riscv64", (), "vnni"),
    ],
)
def test_the_table_of_a_processor(kind: str, names: tuple[str, ...], name: str) -> None:
    assert table_here(Instructions(kind, names)) == name


def test_every_timed_model_is_in_the_archive_once() -> None:
    listed = cost_models()
    assert len({each.file for each in listed}) == len(listed)
    assert {file for each in listed for file, _ in each.less} <= {each.file for each in listed}
    given = {each.file: each for each in with_payloads()}
    assert set(given) == {each.file for each in listed}
    assert all(each.payload for each in given.values())
    assert all(replace(given[each.file], payload=b"") == each for each in listed)


def test_a_damaged_archive_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgemm import data

    whole = data.path("costs/models.tar.xz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[::-1]):
        (tmp_path / "models.tar.xz").write_bytes(content)
        monkeypatch.setattr(data, "path", lambda name: tmp_path / "models.tar.xz")
        with pytest.raises(EdgemmError, match="install edgemm again"):
            list(with_payloads())


FEW = ("nothing/one.float.", "add/8_4.float.", "hardswish/8_4.int8.", "leakyrelu/8_4.float.", "leakyrelu/8_4.int8.",
       "change/8_4.int8.", "sigmoid/24_28.float.")  # fmt: skip


def few() -> Iterator[CostModel]:
    """Some of the smallest."""
    return (each for each in with_payloads() if each.file.startswith(FEW))


@pytest.fixture(scope="module")
def measured() -> CostTable:
    needs(installed_runtimes)
    return measure_costs(models=few, rounds=2)


def test_a_measurement_names_the_machine(measured: CostTable) -> None:
    assert measured.measured
    assert measured.instructions == str(instructions())
    assert set(measured.points) == set(measured.runtimes)
    assert all(any(digit in runtime for digit in "0123456789") for runtime in measured.runtimes.values())
    assert (measured.threads, measured.clock) == (1, "processor time")


def test_more_work_takes_longer(measured: CostTable) -> None:
    for points in measured.points.values():
        us = {(each.kind, each.precision): each.us for each in points}
        assert us["sigmoid", "float"] > 2 * us["add", "float"]  # 147 times the elements
        assert ("nothing", "float") not in us
        assert all(time >= 0 for time in us.values())


def test_what_xnnpack_leaves_is_marked(measured: CostTable) -> None:
    by_kind = {(each.kind, each.precision): each for each in measured.points.get("tflite", ())}
    if not by_kind:
        pytest.skip("no LiteRT")
    assert by_kind["add", "float"].delegated
    assert by_kind["leakyrelu", "int8"].delegated


def test_a_model_that_the_runtime_refuses_is_left_out() -> None:
    package("onnxruntime")
    bad = CostModel("add/bad.float.onnx", "onnx", "add", "float", Work(1, 0, 3, 0), payload=b"no model")
    table = measure_costs(
        models=lambda: (*few(), bad, replace(bad, file="b", less=(("add/bad", 1.0),))), rounds=1
    )
    assert len(table.points["onnx"]) == sum(
        each.format == "onnx" and each.kind != "nothing" for each in few()
    )


def test_no_round_is_begun_that_would_end_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    needs(installed_runtimes)
    begun: list[int] = []
    seconds: list[float] = []

    def counted() -> Iterator[CostModel]:
        begun.append(1)
        return few()

    def median_us(run: Any, each_s: float) -> float:
        seconds.append(each_s)
        return 1.0

    monkeypatch.setattr(measuring, "_median_us", median_us)
    measure_costs(models=counted, rounds=5, within_s=0.0)
    assert len(begun) == 2  # once to count, once to time
    assert set(seconds) == {0.0}  # late from the beginning
    seconds.clear()
    measure_costs(models=counted, rounds=2, within_s=1e9)
    assert len(begun) == 5
    assert set(seconds) == {measuring.ROUND_S}


def test_unsigned_weights_are_timed_where_files_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    needs(installed_runtimes)
    monkeypatch.setattr(measuring, "_time_one", lambda model, found, late: found.medians_us.append(1.0))

    def weighted() -> Iterator[CostModel]:
        return (each for each in with_payloads() if each.file.startswith("gemm/1_256_64."))

    for kind, there in (("x86", True), ("arm", False)):
        monkeypatch.setattr(measuring, "instructions", lambda kind=kind: Instructions(kind))
        points = measure_costs(models=weighted, rounds=1).points
        for format_, listed in points.items():
            precisions = {each.precision for each in listed}
            assert {"float", "int8", "dynamic"} <= precisions
            assert ({"int8_u8", "dynamic_u8"} <= precisions) is (there and format_ == "onnx")


def test_the_command_writes_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs(installed_runtimes)
    whole = measure_costs
    monkeypatch.setattr(
        measuring, "measure_costs", lambda progress: whole(models=few, rounds=1, progress=progress)
    )
    path = tmp_path / "here.json"
    assert main(["bench", "--costs", "-o", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    table = CostTable.read(path)
    assert said == table.to_json()
    assert main(["bench", "--costs"]) == 0
    printed = capsys.readouterr().out
    assert str(instructions()) in printed
    assert "processor time" in printed
    assert "the table is written nowhere: -o costs.json keeps it" in printed.splitlines()[0]
    assert "nothing is written" in printed
    assert main(["bench", "--costs", "-o", str(path)]) == 0
    assert f"the table is written to {path}" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench"], "expected a FILE"),
        (["bench", "x.tflite", "--costs"], "FILE"),
        (["bench", "--costs", "--runs", "3"], "--runs"),
        (["bench", "--costs", "--threads", "2"], "--threads"),
        (["bench", "--costs", "--max-p99", "2"], "--max-p99"),
        (["bench", "--costs", "--delegate", "edgetpu"], "--delegate"),
        (["bench", "x.tflite", "-o", "x.json"], "only with --costs"),
        (["bench", "--costs", "-o", "x.tflite"], "ends in .json"),
        (["bench", "--costs", "-o", "/no/such/folder/x.json"], "/no/such/folder"),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("name", "words"), [("vnni", "vnni, measured"), ("avx2", "avx2, not measured: ")])
def test_doctor_says_whether_the_costs_were_measured(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = CostTable.built_in(name)
    monkeypatch.setattr("edgemm.doctor.DELEGATES", ())
    monkeypatch.setattr("edgemm.doctor.table_for", lambda target: table if target == "here" else None)
    assert main(["doctor"]) == 0
    line = next(
        each for each in capsys.readouterr().out.splitlines() if each.startswith("costs of operators: ")
    )
    assert words in line
    assert ("bench --costs" in line) is (name == "avx2")
