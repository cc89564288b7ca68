"""The table of fourteen architectures: ratios, limits and what is said of files that do not run."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.peers.table import FORMS, LIMITS, checked, over, predicted, spent, table


def row(name: str = "net", refused: dict[str, str] | None = None, **times_ms: float) -> dict[str, Any]:
    """A network, whose files take so long: `float_tflite=2.0` is "float.tflite"."""
    files = {
        key.replace("__", ".").replace("_tflite", ".tflite").replace("_onnx", ".onnx"): {
            "ms": value,
            "db": 40.0,
            "bytes": 10,
            "partitions": 1,
        }
        for key, value in times_ms.items()
    }
    cost = {"cpu_s": 2.0, "peak_mb": 300, "scheme": "static"}
    steps = {"litert": {"cpu_s": 6.0, "peak_mb": 1000}, "edge_quantizer": {"cpu_s": 4.0, "peak_mb": 500}}
    return {
        "name": name,
        "instructions": "AVX2",
        "files": files,
        "refused": refused or {},
        "made": {form: dict(cost) for form in FORMS},
        "peers": steps,
    }


def test_a_ratio_is_over_the_fastest_of_theirs() -> None:
    measured = row(auto_tflite=3.0, aeq_static_tflite=6.0, aeq_dynamic_tflite=4.0)
    assert over("auto.tflite", "aeq_static.tflite", "aeq_dynamic.tflite")(measured) == 0.75


def test_a_file_that_does_not_run_is_left_out() -> None:
    measured = row(auto_tflite=3.0, aeq_dynamic_tflite=4.0)
    assert over("auto.tflite", "aeq_static.tflite", "aeq_dynamic.tflite")(measured) == 0.75
    assert over("auto.tflite", "aeq_static.tflite")(measured) is None
    assert over("float.tflite", "aeq_dynamic.tflite")(measured) is None


def test_their_steps_are_added_and_the_largest_memory_counts() -> None:
    steps = ("litert", "edge_quantizer")
    assert spent(steps, "cpu_s", "auto.tflite")(row()) == 0.2
    assert spent(steps, "peak_mb", "auto.tflite")(row()) == 0.3
    failed = row()
    failed["peers"]["litert"] = {"error": "killed"}
    assert spent(steps, "cpu_s", "auto.tflite")(failed) is None


def held(rows: list[dict[str, Any]], what: str) -> bool:
    """Of the one limit whose line begins so."""
    (found,) = [holds for line, holds in checked(rows) if line.startswith(what)]
    return found


@pytest.mark.parametrize(
    ("ours", "holds"), [([1.0, 1.0, 1.0], True), ([1.05, 1.05, 1.0], False), ([0.9, 0.9, 1.2], False)]
)
def test_float_is_held_to_the_median_and_the_worst(ours: list[float], holds: bool) -> None:
    rows = [row(str(at), float_tflite=each, litert_tflite=1.0) for at, each in enumerate(ours)]
    assert held(rows, "float .tflite over litert-torch's") is holds


def test_three_have_to_be_much_faster() -> None:
    rows = [row(str(at), auto_tflite=0.7, aeq_static_tflite=1.0) for at in range(3)]
    what = "auto .tflite at most 0.8 of ai-edge-quantizer's better"
    assert held(rows, what)
    assert not held(rows[:2], what)


def test_what_was_not_measured_is_not_held() -> None:
    assert not any(holds for _, holds in checked([]))
    assert len(list(checked([]))) == len(LIMITS) + 4


def weighed(row: dict[str, Any], *forms: tuple[str, float, float]) -> dict[str, Any]:
    """Form, predicted and measured time."""
    told = [{"form": form, "predicted_us": 1000 * us, "size_bytes": 1 << 20} for form, us, _ in forms]
    row["made"]["auto.onnx"]["candidates"] = told
    row["files"] |= {f"{form}.onnx": {"ms": ms, "db": 40.0, "bytes": 10} for form, _, ms in forms}
    return row


@pytest.mark.parametrize(
    ("forms", "holds"),
    [
        ([("float", 1.0, 10.0), ("static", 2.0, 20.0)], True),
        ([("float", 1.0, 10.2), ("static", 2.0, 10.0)], True),  # as two runs of one file
        ([("float", 1.0, 10.5), ("static", 2.0, 10.0)], False),
        ([("float", 1.0, 11.5), ("static", 2.0, 10.0), ("mixed", 3.0, 30.0)], False),
        ([("float", 1.0, 10.0)], False),  # nothing to choose from
    ],
)
def test_the_predicted_best_is_the_measured_best(forms: Any, holds: bool) -> None:
    assert predicted([weighed(row(), *forms)], "onnx")[1] is holds
    assert not predicted([weighed(row(), *forms)], "tflite")[1]


def test_what_is_weighed_and_does_not_run_is_no_best() -> None:
    asked = weighed(row(), ("float", 2.0, 10.0), ("static", 3.0, 20.0), ("mixed", 1.0, 5.0))
    del asked["files"]["mixed.onnx"]
    assert predicted([asked], "onnx")[1]


def test_two_of_fourteen_may_be_missed_by_a_little() -> None:
    good = [("float", 1.0, 10.0), ("static", 2.0, 20.0)]
    near = [("float", 1.0, 10.5), ("static", 2.0, 10.0)]
    far = [("float", 1.0, 11.5), ("static", 2.0, 10.0)]
    networks = [near, near, *[good] * 12]
    assert predicted([weighed(row(), *forms) for forms in networks], "onnx")[1]
    assert not predicted([weighed(row(), *forms) for forms in [near, *networks[:-1]]], "onnx")[1]
    assert not predicted([weighed(row(), *forms) for forms in [far, *networks[1:]]], "onnx")[1]


def test_the_table_says_what_does_not_run() -> None:
    text = table(
        [row(float_tflite=1.0, litert_tflite=2.0, refused={"aeq_static.tflite": "num_scales\nmust be 1"})]
    )
    assert "| net | 0.50 |" in text
    assert "- net, aeq_static.tflite: num_scales must be 1" in text
    assert "AVX2" in text
