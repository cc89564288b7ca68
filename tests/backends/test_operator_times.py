"""The time of each kind of operator, as runtimes tell it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import edgemm
from edgemm.backends import litert_profile
from edgemm.backends.litert_profile import read_summary
from edgemm.backends.operator_time import ROUNDS, OperatorTime, OperatorTimes, over_rounds
from edgemm.backends.operator_times import operator_times
from edgemm.backends.ort_profile import read_profile
from edgemm.bench_operators import bench_operators, rows
from edgemm.child_process import start_piped
from edgemm.cli import main
from edgemm.errors import InputError

pytestmark = pytest.mark.device
ASSETS = Path(__file__).parents[1] / "assets"
SUMMARY = """\
================ Run Order ================
            [node type]  [start]  [first]  [avg ms]      [%]   [cdf%]  [mem KB] [times called]  [Name]
      Delegate/Add (ND)    0.000    0.012     0.011   4.154%   4.154%     0.000              2  [Delegate]:0

================ Summary by node type ================
            [Node type]  [count] [avg ms]  [avg %]  [cdf %]  [mem KB] [times called]
 Delegate/Fully Connected (NC, QU8) GEMM  36  2.765  41.899%  41.899%  0.000  72
                ARG_MAX        1    1.347   0.552%  42.451%     0.000              2
      Delegate/Add (ND)        1    0.000   0.549%  43.000%     0.000              2

================ Delegate Statistics ================
Op Name                    Count    Avg(us)    Min(us)    Max(us)  Total(us)
Delegate/Add (ND)              2       0.47          0          1          1
Delegate/Fully Connected (NC, QU8) GEMM   72   2765.44   4   54368   199112

Timings (microseconds): count=71 curr=1221055
"""


def test_a_summary_of_litert_is_read() -> None:
    found = {each.name: each for each in read_summary(SUMMARY, runs=2)}
    assert found == {
        "Fully Connected (NC, QU8) GEMM": OperatorTime(
            "Fully Connected (NC, QU8) GEMM", 36, 99556.0, "xnnpack"
        ),
        "ARG_MAX": OperatorTime("ARG_MAX", 1, 1347.0, "cpu"),
        "Add (ND)": OperatorTime("Add (ND)", 1, 0.5, "xnnpack"),
    }


@pytest.mark.parametrize("text", ["", "no profile\n", "=== Summary by node type ===\n[Node type]\n"])
def test_a_text_of_another_form_tells_nothing(text: str) -> None:
    assert read_summary(text, runs=2) == []


def _event(name: str, kind: str, us: float, provider: str = "CPUExecutionProvider") -> dict[str, Any]:
    told = {"op_name": kind, "provider": provider}
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": us, "args": told}


def test_a_profile_of_onnx_runtime_is_read() -> None:
    session = {"cat": "Session", "name": "model_run", "dur": 99, "args": {}}
    cold = [_event("a", "Add", 1000), _event("b", "Add", 1000), _event("c", "Mul", 1000)]
    warm = [_event("a", "Add", 2), _event("b", "Add", 3), _event("c", "Mul", 7), session]
    assert read_profile([session, *cold * ROUNDS, *warm * ROUNDS], runs=1) == (
        OperatorTime("Mul", 1, 7.0, "cpu"),
        OperatorTime("Add", 2, 5.0, "cpu"),
    )


def test_kinds_on_two_providers_stay_apart() -> None:
    events = [_event("a", "Add", 2), _event("b", "Add", 3, "CUDAExecutionProvider")] * ROUNDS
    assert {(each.runs_on, each.us) for each in read_profile(events, runs=1)} == {
        ("cpu", 2.0),
        ("CUDAExecutionProvider", 3.0),
    }


def test_a_round_in_which_the_machine_was_busy_does_not_count() -> None:
    calm, busy = OperatorTime("Add", 1, 2.0, "cpu"), OperatorTime("Add", 1, 900.0, "cpu")
    assert over_rounds([[calm], [busy], [calm]]) == (calm,)


def test_the_slowest_is_first_and_shares_are_of_the_total() -> None:
    found = over_rounds([[OperatorTime("Add", 1, 1.0, "cpu"), OperatorTime("Mul", 2, 3.0, "xnnpack")]])
    told = OperatorTimes(found, 1, "a profiler")
    assert [each["share"] for each in told.to_json()["operators"]] == [0.75, 0.25]
    assert rows(told) == [("Mul", "2", "3.0", "75.0 %", "xnnpack"), ("Add", "1", "1.0", "25.0 %", "cpu")]


@pytest.mark.parametrize(
    ("name", "kind", "count"), [("total.onnx", "Add", 1), ("share.onnx", "ReduceSum", 3)]
)
def test_onnx_runtime_tells_of_all_operators_that_it_runs(name: str, kind: str, count: int) -> None:
    with edgemm.load(ASSETS / name, delegate="cpu") as model:
        assert model.coverage.total in (count, 0)  # older ones do not tell
    told = bench_operators(ASSETS / name, delegate="cpu", runs=1)
    assert not told.untold
    assert sum(each.count for each in told.operators) == count
    assert kind in {each.name for each in told.operators}
    assert {each.runs_on for each in told.operators} == {"cpu"}
    assert told.runs == ROUNDS


def _litert_tells() -> bool:
    from edgemm.litert_runtime import find_litert

    package = Path(str(find_litert().module.__file__)).parent
    return (package / "libLiteRt.so").is_file()


def test_litert_tells_what_xnnpack_runs() -> None:
    told = bench_operators(ASSETS / "two_adds.tflite", delegate="cpu", runs=1)
    if not _litert_tells():
        assert "does not tell" in told.untold
        return
    assert [(each.count, each.runs_on) for each in told.operators if each.name.startswith("Add")] == [
        (2, "xnnpack")
    ]


def test_each_round_counts_its_own_runs_alone() -> None:
    if not _litert_tells():
        pytest.skip("no profiler")
    answer = litert_profile.asked((ASSETS / "two_adds.tflite").read_bytes(), threads=1, runs=4)
    kinds = [
        each.partition("Summary by node type")[2].partition("Statistics")[0] for each in answer["summaries"]
    ]
    calls = [re.findall(r"^ *Delegate/Add.* (\d+) *$", each, re.MULTILINE) for each in kinds]
    assert len(calls) == 15
    assert {sum(map(int, each)) for each in calls} == {2 * 4}


def test_what_ends_the_profiler_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with edgemm.load(ASSETS / "add.tflite", delegate="cpu") as model:
        artifact = model.artifact
    monkeypatch.setattr(
        litert_profile, "start_piped", lambda entry, **options: start_piped("os:abort", **options)
    )
    told = operator_times(artifact, "cpu", ("xnnpack",), threads=1, runs=1)
    assert told.operators == ()
    assert told.untold.endswith(
        "does not tell the time of single operators (its profiler ended with exit status -6)"
    )


def test_a_file_that_the_profiler_refuses_is_told_in_a_sentence() -> None:
    if not _litert_tells():
        pytest.skip("no profiler")
    with edgemm.load(ASSETS / "add.tflite", delegate="cpu") as model:
        artifact = model.artifact
    from dataclasses import replace

    told = operator_times(replace(artifact, payload=b"no model at all" * 9), "cpu", (), threads=1, runs=1)
    assert "failed with status" in told.untold


def test_of_an_accelerator_litert_tells_nothing() -> None:
    with edgemm.load(ASSETS / "add.tflite", delegate="cpu") as model:
        artifact = model.artifact
    told = operator_times(artifact, ("edgetpu", "cpu"), ("edgetpu", "xnnpack"), threads=1, runs=1)
    assert "the delegate edgetpu spends its time on" in told.untold


@pytest.mark.parametrize(("runs", "threads"), [(0, 1), (1, 0)])
def test_counts_below_one_are_refused(runs: int, threads: int) -> None:
    with pytest.raises(InputError, match="at least 1"):
        bench_operators(ASSETS / "add.onnx", runs=runs, threads=threads)


def test_a_bundle_has_no_operators_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found a bundle"):
        bench_operators(tmp_path)
    assert main(["bench", str(tmp_path), "--operators"]) == 2  # before anything is measured


def test_the_command_prints_and_gives_json(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", str(ASSETS / "add.onnx"), "--delegate", "cpu", "--runs", "3", "--operators"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["operators"]
    assert [(each["name"], each["share"]) for each in found["operators"]] == [("Add", 1.0)]
    assert main(command) == 0
    assert "operator  count  us" in capsys.readouterr().out


def test_the_command_says_why_there_are_no_times(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edgemm.bench_operators.operator_times", lambda *a, **b: OperatorTimes(untold="it does not tell")
    )
    assert main(["bench", str(ASSETS / "add.onnx"), "--delegate", "cpu", "--runs", "3", "--operators"]) == 0
    assert "\noperators: it does not tell\n" in capsys.readouterr().out
