"""The two parts and their vocabularies as one file: loaded, streamed, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from written_texts import ASSETS, RECIPE

import edgemm
from edgemm.cli import main
from edgemm.errors import CardError, DamagedArtifact

TEXT, WRITTEN = "abc de", "lo ke ke ke ko ma ka ma ka ma ka"


@pytest.fixture(scope="module")
def bundle(parts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from translation_parts import write_translation

    path = tmp_path_factory.mktemp("bundle") / "small.zip"
    write_translation(path, parts["encoder"], parts["decoder"], RECIPE, ASSETS, name="small")
    return path


def test_it_is_called_with_a_text(bundle: Path) -> None:
    with edgemm.load(bundle) as model:
        assert model(TEXT).to_json()["text"] == WRITTEN
        assert model.card.task == "text_to_text"


def test_options_are_those_of_the_recipe(bundle: Path) -> None:
    with edgemm.load(bundle, beams=4, n_best=2, stop="ka") as model:
        found = model(TEXT).to_json()
    assert len(found["alternatives"]) == 1
    assert "ka" not in found["text"]


def test_a_stream_of_texts(bundle: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text(f"{TEXT}\na\n", encoding="utf-8")
    with edgemm.load(bundle) as model, edgemm.open_source(f"text:{lines}") as source:
        texts = [item.value.to_json()["text"] for item in model.stream(source, partial=True) if item.final]
    assert texts[0] == WRITTEN
    assert len(texts) == 2


def test_run_writes_a_line_for_a_text(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines.txt").write_text(TEXT, encoding="utf-8")
    assert main(["run", str(bundle), "--source", f"text:{tmp_path / 'lines.txt'}", "--json"]) == 0
    first, *_, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["result"]["text"] == WRITTEN
    assert last["summary"]["delivered"] == 1


def test_a_bundle_of_another_vocabulary_is_refused(parts: dict[str, Path], tmp_path: Path) -> None:
    from translation_parts import write_translation

    path = tmp_path / "other.zip"
    words = ASSETS | {"words": ASSETS["words"] + b"\nmore"}
    write_translation(path, parts["encoder"], parts["decoder"], RECIPE, words)
    with pytest.raises(CardError, match="it is the vocabulary of another model"), edgemm.load(path) as model:
        model(TEXT)


def test_a_bundle_whose_decoder_was_changed_is_refused(bundle: Path, tmp_path: Path) -> None:
    import zipfile

    folder = tmp_path / "folder"
    with zipfile.ZipFile(bundle) as packed:
        packed.extractall(folder)
    decoder = folder / "decoder.onnx"
    content = bytearray(decoder.read_bytes())
    content[len(content) // 2] ^= 1
    decoder.write_bytes(content)
    with pytest.raises(DamagedArtifact), edgemm.load(folder) as model:
        model(TEXT)
