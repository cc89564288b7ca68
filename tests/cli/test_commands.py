"""The commands as a user types them, on the bundled models."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgemm import data
from edgemm.capture.live.cameras import Camera
from edgemm.cli import main
from edgemm.cli.demo.devices import try_devices

SOURCE = data.path("models/digits.onnx")
PICTURES = data.path("digits")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("converted")
    for suffix in ("tflite", "onnx"):
        out = str(folder / f"d.{suffix}")
        assert (
            main(["convert", str(SOURCE), "-o", out, "--calibrate", str(PICTURES), "--scheme", "static"]) == 0
        )
    return {suffix: folder / f"d.{suffix}" for suffix in ("tflite", "onnx")}


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


FORMATS = pytest.mark.parametrize("suffix", ["tflite", "onnx"])

CONVERT_KEYS = {
    "schema", "output", "scheme", "target", "size_bytes", "source_size_bytes", "outputs", "float_latency_ms",
    "int8_latency_ms", "latency_ms", "written", "repaired_layers",
}  # fmt: skip


@FORMATS
def test_convert_says_what_scripts_rely_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    out = tmp_path / f"d.{suffix}"
    assert main(["convert", str(SOURCE), "-o", str(out), "--calibrate", str(PICTURES), "--json"]) == 0
    content = said(capsys)
    assert content.keys() >= CONVERT_KEYS
    assert content["schema"] == "edgemm.convert/1"
    assert content["size_bytes"] == out.stat().st_size <= 0.3 * content["source_size_bytes"]
    assert content["outputs"][0].keys() >= {"name", "snr_db", "max_abs_error", "top1_agreement"}


@FORMATS
def test_inspect_finds_everything_in_int8(
    converted: dict[str, Path], capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    assert main(["inspect", str(converted[suffix]), "--json"]) == 0
    content = said(capsys)
    assert content.keys() >= {"format", "size_bytes", "card", "operators", "float_operators"}
    assert content["format"] == suffix
    assert content["float_operators"] == []
    assert content["card"]["labels"] == [str(digit) for digit in range(10)]


def test_inspect_finds_what_is_left_in_float(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(SOURCE), "--json"]) == 0
    found = {each["name"]: each["count"] for each in said(capsys)["float_operators"]}
    assert found["Conv"] == 2


@FORMATS
def test_verify_replays_the_goldens(
    converted: dict[str, Path], capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    assert main(["verify", str(converted[suffix]), "--json"]) == 0
    assert [output["ok"] for output in said(capsys)["outputs"]] == [True]


def test_verify_of_a_model_that_answers_otherwise_exits_3(
    converted: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgemm.artifact import read_artifact, write_artifact
    from edgemm.artifact.goldens import Goldens

    good = read_artifact(converted["tflite"])
    assert good.goldens is not None
    wrong = tuple({name: 100 - array for name, array in each.items()} for each in good.goldens.outputs)
    goldens = Goldens(good.goldens.inputs, wrong, good.goldens.tolerances)
    write_artifact(tmp_path / "other.tflite", good.payload, good.card, goldens)
    assert main(["verify", str(tmp_path / "other.tflite")]) == 3
    assert "differs on this machine" in capsys.readouterr().err


@FORMATS
def test_bench_measures(converted: dict[str, Path], capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    assert main(["bench", str(converted[suffix]), "--runs", "20", "--json"]) == 0
    content = said(capsys)
    keys = {
        "backend",
        "delegates",
        "coverage",
        "init_ms",
        "first_ms",
        "p50_ms",
        "p90_ms",
        "p99_ms",
        "runs",
        "rss_mb",
    }
    assert content.keys() >= keys
    assert 0 < content["p50_ms"] <= content["p90_ms"] <= content["p99_ms"]


def test_bench_above_its_limit_exits_4(
    converted: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(converted["tflite"]), "--runs", "5", "--max-p99", "0.0000001"]) == 4
    assert "above the limit" in capsys.readouterr().err


def test_a_named_delegate_that_is_not_here_exits_5(
    converted: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", str(converted["tflite"]), "--delegate", "edgetpu"]) == 5
    assert "edgetpu" in capsys.readouterr().err


def test_a_damaged_file_exits_6_without_a_traceback(
    converted: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = bytearray(converted["tflite"].read_bytes())
    content[5000] ^= 1
    (tmp_path / "bad.tflite").write_bytes(content)
    assert main(["inspect", str(tmp_path / "bad.tflite")]) == 6
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "SHA-256" in error


def test_a_source_that_is_not_there_exits_7(converted: dict[str, Path]) -> None:
    assert main(["run", str(converted["tflite"]), "--source", "/no/such/folder"]) == 2


def test_a_model_that_is_not_there_exits_2() -> None:
    assert main(["inspect", "/no/such/model.tflite"]) == 2


def test_run_writes_one_line_per_result_and_a_summary(
    converted: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(converted["onnx"]), "--source", str(PICTURES / "3"), "--json"]) == 0
    *results, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(results) == len(list((PICTURES / "3").glob("*.png")))
    assert all(
        line.keys() >= {"sequence", "captured_ns", "age_ms", "stages_ms", "result"} for line in results
    )
    summary = last["summary"]
    assert summary.keys() >= {
        "captured",
        "delivered",
        "dropped",
        "in_flight",
        "late",
        "p50_ms",
        "p90_ms",
        "p99_ms",
    }
    assert (
        summary["captured"] == summary["delivered"] + sum(summary["dropped"].values()) + summary["in_flight"]
    )


def test_run_stops_after_its_limit(converted: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["run", str(converted["tflite"]), "--source", str(PICTURES / "3"), "--limit", "2", "--json"])
        == 0
    )
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_sigterm_drains_prints_the_summary_and_exits_0(converted: dict[str, Path]) -> None:
    command = [sys.executable, "-m", "edgemm", "run", str(converted["tflite"]), "--json", "--live"]
    command += ["--source", f"{PICTURES / '3'}?fps=5&loop=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(timeout=30) == 0
    summary = json.loads(rest.splitlines()[-1])["summary"]
    assert (
        summary["captured"] == summary["delivered"] + sum(summary["dropped"].values()) + summary["in_flight"]
    )


def test_a_card_is_copied_onto_a_file_that_lost_it(
    converted: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edgemm.artifact import read_artifact

    bare = tmp_path / "bare.tflite"
    bare.write_bytes(read_artifact(converted["tflite"]).payload)
    assert main(["card", "show", str(bare)]) == 6
    assert main(["card", "copy", str(converted["tflite"]), str(bare)]) == 0
    capsys.readouterr()
    assert main(["card", "show", str(bare), "--json"]) == 0
    assert said(capsys)["card"]["name"] == "digits"


def test_a_card_is_set_from_json(converted: dict[str, Path], tmp_path: Path) -> None:
    from edgemm.artifact import read_artifact

    bare = tmp_path / "bare.onnx"
    bare.write_bytes(read_artifact(converted["onnx"]).payload)
    (tmp_path / "card.json").write_text(
        '{"schema": "edgemm.card/1", "name": "mine", "x-colour-of-box": "blue"}'
    )
    assert main(["card", "set", str(bare), str(tmp_path / "card.json")]) == 0
    card = read_artifact(bare).card
    assert card is not None
    assert (card.name, card.extra) == ("mine", {"x-colour-of-box": "blue"})


def test_doctor_lists_runtimes_and_delegates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    content = said(capsys)
    assert {"numpy", "LiteRT", "ONNX Runtime"} <= {
        each["feature"] for each in content["packages"] if each["version"]
    }
    assert {"cpu", "edgetpu"} <= {each["name"] for each in content["delegates"]}


def test_doctor_counts_cameras_as_open_source_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cameras = (
        Camera("/dev/video2", "HD Webcam", "uvcvideo"),
        Camera("/dev/video4", "unicam-image", "unicam"),
    )
    monkeypatch.setattr("edgemm.doctor.list_cameras", lambda: cameras)
    assert main(["doctor", "--json"]) == 0
    content = said(capsys)
    assert content["cameras"] == ["camera:0 /dev/video2 HD Webcam", "camera:1 /dev/video4 unicam-image"]
    assert any("sudo apt install python3-picamera2" in advice for advice in content["advice"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["convert", str(SOURCE), "-o", "x.txt"], 2),
        (["convert", str(SOURCE), "-o", "x.tflite", "--scheme", "static"], 2),
        (["convert", str(SOURCE), "-o", "x.tflite", "--target", "toaster"], 2),
        (["convert", str(SOURCE), "-o", "x.tflite", "--preset", "nothing"], 2),
        (["convert", "/no/such.onnx", "-o", "x.tflite"], 2),
        (["convert", "model.h5", "-o", "x.tflite"], 9),
    ],
)
def test_convert_refuses_with_the_right_code_and_writes_nothing(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    assert list(tmp_path.iterdir()) == []


def test_a_missed_gate_says_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "d.onnx"
    words = ["convert", str(data.path("models/keywords.onnx")), "-o", str(out), "--repair", "off", "--json"]
    card = tmp_path / "card.json"
    card.write_text('{"schema": "edgemm.card/1"}', encoding="utf-8")
    assert main([*words, "--card", str(card), "--min-db", "200"]) == 3
    told = said(capsys)
    assert (told["schema"], told["error"], told["exit_code"]) == ("edgemm.error/1", "FidelityMissed", 3)
    assert told["measured"].keys() >= CONVERT_KEYS - {"int8_latency_ms"}
    assert told["measured"]["written"] is False
    assert told["measured"]["gate_missed"]
    assert not out.exists()


def test_output_into_a_closed_pipe_is_no_error(converted: dict[str, Path]) -> None:
    command = (
        f'"{sys.executable}" -m edgemm run "{converted["tflite"]}" --source "{PICTURES}/3" --json | head -1'
    )
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["sequence"] == 0


def test_the_demo_says_which_device_failed_and_goes_on(converted: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(converted["tflite"], tmp_path / "digits.int8.tflite")
    (tried,) = try_devices(tmp_path, "rtsp://127.0.0.1:9/", "none", lambda *_: None)
    assert tried.run is None
    assert "cannot be opened" in tried.trouble


def test_the_demo_without_devices_tries_none(tmp_path: Path) -> None:
    assert try_devices(tmp_path, "none", "none", lambda *_: None) == ()
