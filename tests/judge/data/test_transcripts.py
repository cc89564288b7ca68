"""Recordings and their texts, in the forms that people have them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edgemm.errors import InputError
from edgemm.judge.data.transcripts import has_transcripts, read_transcripts


def folder(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(b"RIFF")
    return path


def read(path: Path) -> dict[str, str]:
    return {each.recording.stem: each.text for each in read_transcripts(path)}


def test_a_text_beside_each_recording(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder(tmp_path, "b/1.wav", "b/2.wav", "3.wav")
    (tmp_path / "b" / "1.txt").write_text("one  two\n", encoding="utf-8")
    (tmp_path / "3.txt").write_text("", encoding="utf-8")
    assert has_transcripts(tmp_path)
    with caplog.at_level(logging.WARNING, "edgemm"):
        assert read(tmp_path) == {"3": "", "1": "one two"}
    assert (
        f"1 of its 3 recordings have no text and are left out, such as {Path('b') / '2.wav'}" in caplog.text
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("1-2.trans.txt", "a HE IS\nb\n\n"),
        ("transcripts.txt", "a.wav HE IS\nb\n"),
        ("transcription", "<s> HE  IS </s> (a)\n<s> </s> (b)\n"),
        ("cards.transcription", "HE IS (a)\n(b)\n"),
        ("manifest.json", '{"audio_filepath": "a.wav", "text": "HE IS"}\n{"audio_filepath": "b.wav", "text": ""}\n'),
    ],
)  # fmt: skip
def test_a_list_of_texts(tmp_path: Path, name: str, content: str) -> None:
    folder(tmp_path, "a.wav", "b.wav")
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert has_transcripts(tmp_path)
    assert read(tmp_path) == {"a": "HE IS", "b": ""}


def test_a_manifest_can_be_named(tmp_path: Path) -> None:
    folder(tmp_path, "a.wav")
    file = tmp_path / "test.jsonl"
    file.write_text('{"audio_filepath": "a.wav", "text": "yes"}', encoding="utf-8")
    assert read(file) == {"a": "yes"}


def test_recordings_without_texts_are_no_truths(tmp_path: Path) -> None:
    assert not has_transcripts(folder(tmp_path, "a.wav"))
    with pytest.raises(InputError, match="found nothing of the kind"):
        read_transcripts(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.trans.txt", "a yes\nc no", r"x.trans.txt, line 2: there is no recording 'c'"),
        ("transcription", "yes (a)\nno", r"line 2: expected TEXT \(NAME\), found 'no'"),
        ("manifest.json", '{"audio_filepath": "a.wav"}', "line 1: expected .*audio_filepath"),
        ("manifest.json", "[", "line 1: expected"),
        ("manifest.json", '{"audio_filepath": "../out.wav", "text": ""}', "expected a recording in"),
    ],
)
def test_what_cannot_be_understood_is_named(tmp_path: Path, name: str, content: str, reason: str) -> None:
    folder(tmp_path, "in/a.wav", "out.wav")
    (tmp_path / "in" / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=reason):
        read_transcripts(tmp_path / "in")
