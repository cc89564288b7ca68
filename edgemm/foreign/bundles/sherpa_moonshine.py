"""Folders of sherpa-onnx with Moonshine in four networks (preprocess, encode, uncached_decode, cached_decode): known,
and not run."""

from __future__ import annotations

from pathlib import Path

from edgemm.card.bundle_card import BundleCard
from edgemm.errors import UnsupportedVersion
from edgemm.foreign.bundles.listing import Listing, Precision, listed


def read(folder: Path, precision: Precision = "int8") -> BundleCard | None:
    """None: the folder is another.

    Raises:
        UnsupportedVersion: it is one of these.
    """
    listing = Listing.of(folder, precision)
    found = listing.matching(r"(preprocess|encode|uncached_decode|cached_decode)([-.].*)?\.onnx")
    if len(found) < 2:
        return None
    raise UnsupportedVersion(
        f"expected Moonshine in two networks, encoder_model.onnx and decoder_model_merged.onnx with tokenizer.json and "
        f"config.json, as optimum exports it; found its older form in four, {listed(found)}, which this version does "
        "not run"
    )
