"""`edgemm bundle`, and the other commands on bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from level_bundle import (
    level,
    level_driver,
    level_folder,
    read_card,
    sound,
    stored,
    write_card,
    write_scale,
    write_wav,
)

from edgemm.cli import main

__all__ = ["level_driver", "level_folder"]


@pytest.fixture
def packed(level_folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = level_folder.with_suffix(".zip")
    assert main(["bundle", str(level_folder), "-o", str(path)]) == 0
    capsys.readouterr()
    return path


@pytest.fixture(params=["folder", "zip"])
def path(request: pytest.FixtureRequest, packed: Path) -> str:
    return str(packed if request.param == "zip" else packed.with_suffix(""))


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def failed(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_bundle_says_what_it_wrote(
    level_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (level_folder / "tables" / "NOTES").write_text("mine")
    out = tmp_path / "x.zip"
    assert main(["bundle", str(level_folder), "-o", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"{out}: the bundle 'levels' is written" in told
    assert "tables/table.txt" in told
    assert "goldens: 1 results are as they were" in told
    assert "left out, since the card names them nowhere: tables/NOTES" in told
    assert main(["bundle", str(level_folder), "-o", str(out), "--json"]) == 0
    content = said(capsys)
    assert content["schema"] == "edgemm.bundle.written/1"
    assert content["size_bytes"] == out.stat().st_size
    assert content["left_out"] == ["tables/NOTES"]
    assert content["goldens"] == 1
    assert set(content["card"]["parts"]) == {"sum", "scale"}


def test_a_golden_that_differs_is_not_bundled(
    level_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = read_card(level_folder)
    content["goldens"][0]["expected"]["values"]["level"][0] += 0.01
    write_card(level_folder, content)
    assert main(["bundle", str(level_folder), "-o", str(tmp_path / "x.zip")]) == 3
    assert "golden 1: values differs by more than its tolerance. Nothing is written" in failed(capsys)
    assert not (tmp_path / "x.zip").exists()
    assert main(["verify", str(level_folder)]) == 3
    assert "golden 1: values differs on this machine" in failed(capsys)


def test_a_bundle_without_goldens_is_written_and_not_verified(
    level_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(level_folder, read_card(level_folder) | {"goldens": []})
    assert main(["bundle", str(level_folder), "-o", str(tmp_path / "x.zip")]) == 0
    assert "goldens: none" in capsys.readouterr().out
    for command in ("verify", "bench"):
        assert main([command, str(tmp_path / "x.zip")]) == 6
        assert "--golden TEXT" in failed(capsys)


def test_what_is_wrong_is_refused_before_it_is_written(
    level_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bundle", str(level_folder), "-o", str(tmp_path / "x.zip")]
    assert main(["bundle", str(level_folder), "-o", str(tmp_path / "x.tar")]) == 2
    write_scale(level_folder / "scale.onnx", "another")
    assert main(words) == 6
    assert "part 'scale' (scale.onnx)" in failed(capsys)
    write_card(level_folder, read_card(level_folder) | {"licens": ""})
    assert main(words) == 6
    assert "Did you mean 'licence'" in failed(capsys)
    (level_folder / "scale.onnx").unlink()
    assert main(words) == 6
    assert "expected the file 'scale.onnx'" in failed(capsys)
    (level_folder / "bundle.json").unlink()
    assert main(words) == 2
    assert "expected a bundle, a folder with bundle.json" in failed(capsys)
    assert not (tmp_path / "x.zip").exists()


def test_inspect(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", path]) == 0
    told = capsys.readouterr().out
    for part in ("levels 1", "level", "sum.onnx", "2 float, 1 other", "tables/table.txt"):
        assert part in told
    assert main(["inspect", path, "--json"]) == 0
    content = said(capsys)
    assert (content["schema"], content["format"], content["goldens"]) == ("edgemm.inspect/1", "bundle", 1)
    assert {"size_bytes", "card", "operators", "float_operators"} <= content.keys()
    assert {row["name"]: row["count"] for row in content["operators"]} == {
        "Add": 1, "Identity": 1, "Mul": 1, "ReduceSum": 1,
    }  # fmt: skip
    assert content["parts"]["scale"]["inputs"][0]["name"] == "value"
    assert content["parts"]["scale"]["card"]["inputs"] == [
        {"name": "value", "modality": "tensor", "shape": [1, 1]}
    ]


def test_verify(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", path, "--json"]) == 0
    content = said(capsys)
    assert [(row["output"], row["ok"]) for row in content["outputs"]] == [("golden 1: values", True)]
    assert content["delegates"] == ["CPUExecutionProvider"]


def test_bench(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", path, "--runs", "3", "--json"]) == 0
    content = said(capsys)
    assert (content["runs"], content["whole"], content["sound_s"]) == (3, True, 0.0025)
    assert content["coverage"]["total"] == 4
    assert main(["bench", path, "--max-p99", "0.000001"]) == 4
    told = capsys.readouterr().out
    assert "one whole result, for the input of its first golden" in told
    assert "20 results, after 3 of warm-up" in told
    assert "of real time" in told


def test_run_with_options(path: str, packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(packed.with_suffix("") / "said.wav")
    assert main(["run", path, "--source", source, "--set", "gain=2", "--json"]) == 0
    *lines, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [line["result"]["values"]["level"][0] for line in lines]
    np.testing.assert_allclose(found, level(stored(sound(20)), 2.0), rtol=1e-5)
    assert summary["summary"]["captured"] == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--set", "gian=2"], "Did you mean 'gain'"),
        (["--threshold", "0.5"], "option 'threshold' of a bundle of driver 'level': expected one of gain"),
        (["--preset", "imagenet"], "the cards of a bundle stand in it"),
    ],
)
def test_run_refuses_what_a_bundle_has_not(
    packed: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(packed), "--source", str(packed.with_suffix("") / "said.wav"), *more]) == 2
    assert told in failed(capsys)


def test_an_app_runs_a_bundle(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = {"model": "levels.zip", "source": "levels/said.wav", "options": {"gain": 3}}
    app = {
        "schema": "edgemm.app/1",
        "streams": {"a": stream, "b": {**stream, "model": "levels", "options": {}}},
    }
    (packed.parent / "app.json").write_text(json.dumps(app))
    assert main(["run", str(packed.parent / "app.json"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()][:-1]
    for name, gain in (("a", 3.0), ("b", 1.0)):
        found = [line["result"]["values"]["level"][0] for line in lines if line["stream"] == name]
        np.testing.assert_allclose(found, level(stored(sound(20)), gain), rtol=1e-5)


def test_the_exit_codes_of_bad_bundles(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = packed.read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-30])
    (tmp_path / "changed.zip").write_bytes(whole.replace(b"3.0\n", b"4.0\n"))
    for name, code in (("cut.zip", 6), ("changed.zip", 6), ("none.zip", 2)):
        for words in (["inspect"], ["verify"], ["bench"], ["run", "--source", "x.wav"]):
            assert main([words[0], str(tmp_path / name), *words[1:]]) == code
            assert name in failed(capsys)


def test_a_tolerance_is_of_a_golden(
    level_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.zip"
    assert main(["bundle", str(level_folder), "-o", str(out), "--tolerance", "5"]) == 2
    assert "--tolerance: expected --golden beside it" in failed(capsys)
    assert not out.exists()


def test_goldens_are_made_of_what_it_answers(
    level_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "hello.WAV", sound(40))
    write_wav(tmp_path / "other.wav", sound(12))
    out = tmp_path / "x.zip"
    words = ["bundle", str(level_folder), "-o", str(out), "--tolerance", "0.5", "--json"]
    for given in ("hello.WAV", "other.wav"):
        words += ["--golden", str(tmp_path / given)]
    assert main(words) == 0
    content = said(capsys)
    assert (content["goldens"], content["goldens_made"]) == (1, 2)
    _, *made = content["card"]["goldens"]
    for golden, count in zip(made, (40, 12), strict=True):
        np.testing.assert_allclose(
            golden["expected"]["values"]["level"], level(stored(sound(count)))[-1:], rtol=1e-5
        )
        assert golden["tolerance"] == 0.5
    assert content["card"]["assets"]["golden1"]["file"] == "goldens/golden1.wav"
    assert main(["verify", str(out), "--json"]) == 0
    assert [row["output"] for row in said(capsys)["outputs"]] == [f"golden {at}: values" for at in (1, 2, 3)]
    assert main(["bundle", str(level_folder), "-o", str(out), "--golden", "no.wav"]) == 2
    assert "golden no.wav: cannot be read" in failed(capsys)
    table = str(level_folder / "tables" / "table.txt")
    assert main(["bundle", str(level_folder), "-o", str(out), "--golden", table]) == 6
    assert "the bundle takes audio" in failed(capsys)


def test_the_output_is_replaced_unless_it_is_the_source(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "y.zip").write_bytes(b"older")
    assert main(["bundle", str(packed), "-o", str(tmp_path / "y.zip")]) == 0
    assert (tmp_path / "y.zip").read_bytes() == packed.read_bytes()
    assert main(["bundle", str(packed), "-o", str(packed)]) == 2
    assert "the output is the source file itself" in failed(capsys)
