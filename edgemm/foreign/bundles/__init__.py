"""Foreign bundles: folders of models as other tools write them, read into the card of a bundle.

Each layout is a module of this folder with a function `read(folder, precision) -> BundleCard | None`, which looks at
names of files, at small texts and at what model files say of themselves, and runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from edgemm.card.bundle_card import BundleCard
from edgemm.foreign.bundles.listing import Precision

LAYOUTS: Mapping[str, tuple[str, str]] = {
    "sherpa-onnx transducer": (
        "sherpa_transducer",
        "encoder-*.onnx, decoder-*.onnx, joiner-*.onnx and tokens.txt",
    ),
    "sherpa-onnx CTC": ("sherpa_ctc", "model.onnx and tokens.txt"),
    "sherpa-onnx Whisper": ("sherpa_whisper", "NAME-encoder.onnx, NAME-decoder.onnx and NAME-tokens.txt"),
    "sherpa-onnx Moonshine": (
        "sherpa_moonshine",
        "preprocess.onnx, encode.onnx and others; told, and not run",
    ),
    "PP-OCR": ("ppocr_folder", "*det*.onnx and *rec*.onnx, *cls*.onnx where there is one"),
    "Piper": ("piper", "a voice's .onnx and .onnx.json"),
    "optimum speech": (
        "optimum_speech",
        "encoder_model.onnx, decoder_model_merged.onnx, tokenizer.json and config.json of Whisper or Moonshine",
    ),
    "optimum": ("optimum", "encoder_model.onnx, decoder_model_merged.onnx, tokenizer.json and config.json"),
}
"""Layout, as messages call it -> its module, and what such a folder has in it, in a few words."""


LAYOUT_KEY = "x-layout"
"""Key of the card that was made: the name of the layout."""
SAID_KEY = "x-said"
"""Key of the card that was made: sentences on what was chosen, and why."""


def foreign_bundle(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """The card of a folder without `bundle.json`; None where it has no layout that is known.

    Args:
        precision: which file is taken where a network is there with int8 weights and with float ones.

    Raises:
        CardError: it has one, and what is in it does not hold together.
        MissingDependency: the package that has its driver cannot be imported.
    """
    for layout, (module, _) in LAYOUTS.items():
        card: BundleCard | None = import_module(f"edgemm.foreign.bundles.{module}").read(folder, precision)
        if card is not None:
            return card.with_(extra={**card.extra, LAYOUT_KEY: layout})
    return None


def looked_for() -> tuple[str, ...]:
    """What was looked for in a folder, a phrase for each layout."""
    return tuple(f"{layout} ({has})" for layout, (_, has) in LAYOUTS.items())
