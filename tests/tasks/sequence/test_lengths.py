"""A .tflite file with a few lengths, which share their weights, writes what a network without a cache writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from written_texts import ASSETS, RECIPE, SOURCE, TARGET, exported, session_of, small_network

pytest.importorskip("torch")

from translation_parts import export_parts, write_translation

import edgemm
from edgemm.converters import convert, merge_signatures
from edgemm.media import Text

SHORT_SOURCE, SHORT_TARGET = 5, 4
TEXTS = ("a", "abcde", "abcdef", "jihgfedcba")
"""The first two fit into the short encoder; what is written for the others is longer than the short cache."""


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two lengths of the encoder; one cache of the decoder for the first, two for the second."""
    root, network = tmp_path_factory.mktemp("lengths"), small_network()
    encoders, decoders = dict[str, Path](), dict[str, Path]()
    for source, target in ((SHORT_SOURCE, TARGET), (SOURCE, SHORT_TARGET), (SOURCE, TARGET)):
        folder = root / f"{source}_{target}"
        folder.mkdir()
        encoder, decoder = export_parts(network, folder, source_length=source, target_length=target)
        for name, part, files in (
            (f"read_{source}", encoder, encoders),
            (f"write_{source}_{target}", decoder, decoders),
        ):
            if name not in files:
                files[name] = part.with_suffix(".tflite")
                convert(part, output=files[name], scheme="float", gate="off")
    found = {}
    for role, files in (("encoder", encoders), ("decoder", decoders)):
        found[role] = merge_signatures(files, root / f"{role}.tflite").path
    return found


@pytest.mark.parametrize("beams", [1, 3])
def test_what_is_written_does_not_depend_on_the_length(
    merged: dict[str, Path], tmp_path: Path, beams: int
) -> None:
    recipe = replace(RECIPE, beams=beams)
    with (
        session_of(exported(small_network(), tmp_path), recipe) as alone,
        session_of(merged, recipe) as several,
    ):
        used = set[str]()
        for name, part in (("encoder", several._writer.encoder), ("decoder", several._writer.decoder)):
            step = part.step

            def noted(feeds: object, signature: str = "", step: object = step, name: str = name) -> object:
                used.add(signature)
                return step(feeds, signature)  # type: ignore[operator]

            part.step = noted
        for text in TEXTS:
            expected, found = alone.whole(Text(text, 0, 0)), several.whole(Text(text, 0, 0))
            assert found.text == expected.text
            assert found.score == pytest.approx(expected.score, rel=1e-4)  # float32 in other orders
    assert used == {"read_5", "read_12", "write_5_14", "write_12_4", "write_12_14"}


def test_a_bundle_of_such_files(merged: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "lengths.zip"
    write_translation(path, merged["encoder"], merged["decoder"], RECIPE, ASSETS)
    with edgemm.load(path) as model:
        assert model("abc de").to_json()["text"] == "lo ke ke ke ko ma ka ma ka ma ka"
