"""A card from TFLite metadata, or from a detector's custom operator where a file has no metadata."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path

from edgemm.foreign import label_files
from edgemm.foreign.draft import Draft
from edgemm.foreign.picture import picture
from edgemm.foreign.tflite_detector import POSTPROCESS, bare_detector, detector, label_counts
from edgemm.foreign.tflite_file import TfliteFile
from edgemm.foreign.tflite_metadata import (
    AUDIO,
    AXIS_LABELS,
    IMAGE,
    ModelMetadata,
    TensorMetadata,
    read_metadata,
)
from edgemm.foreign.tflite_segmenter import segmenter
from edgemm.tensors import TensorSpec

COLORS = {1: "rgb", 2: "gray"}
MAX_SAMPLES = 1 << 24


def from_metadata(
    file: TfliteFile, buffer: bytes | memoryview, associated: Mapping[str, bytes], locale: str = ""
) -> Draft:
    """The card that TFLite metadata describes.

    Args:
        file: the model's tensors.
        buffer: its TFLITE_METADATA.
        associated: the files in the archive behind it, by name.
        locale: language of the labels, such as "de"; "" for the first file.

    Raises:
        BadFlatbuffer: the metadata does not hold together.
    """
    metadata = read_metadata(buffer)
    draft = Draft()
    draft.about(
        name=metadata.name,
        version=metadata.version,
        licence=metadata.licence,
        author=metadata.author,
        description=metadata.description,
    )
    described = _paired(draft, metadata, file)
    fed = _input(draft, file, metadata)
    labels = _Labels(draft, associated, locale)
    if not (fed and described and _task(draft, file, metadata, labels)):
        draft.content["task"] = "tensors"
        draft.outputs(file.outputs)
        draft.say("task tensors: the metadata does not say how the outputs are read")
    return draft


def without_metadata(file: TfliteFile, associated: Mapping[str, bytes], path: Path) -> Draft | None:
    """A detector that ends in TFLite_Detection_PostProcess and stores pixels: that alone says how it is used.

    Returns:
        None for other files.
    """
    if POSTPROCESS not in file.producers or len(file.inputs) != 1 or file.inputs[0].dtype != "uint8":
        return None
    draft = Draft()
    draft.about(name=path.stem)
    if not picture(draft, file.inputs[0], color="rgb", resize="stretch"):
        return None
    counts = label_counts(file)
    name, found = label_files.in_archive(associated, counts)
    if not found:
        name, found = label_files.beside(path, counts)
    return draft if bare_detector(draft, file, found, name) else None


def _paired(draft: Draft, metadata: ModelMetadata, file: TfliteFile) -> bool:
    """Whether the metadata speaks of as many outputs as the file has."""
    if len(metadata.outputs) in (0, len(file.outputs)):
        return True
    draft.say(
        f"the metadata describes {len(metadata.outputs)} outputs, and the file has {len(file.outputs)}: they are given "
        "as they are"
    )
    return False


def _input(draft: Draft, file: TfliteFile, metadata: ModelMetadata) -> bool:
    """The input that is fed with pictures or sound; False where there is none such."""
    if len(file.inputs) != 1 or len(metadata.inputs) != 1:
        draft.say(f"{len(file.inputs)} input(s), {len(metadata.inputs)} described: they are given as tensors")
        return False
    spec, said = file.inputs[0], metadata.inputs[0]
    if said.content == AUDIO:
        return _sound(draft, spec, said)
    if said.content == IMAGE or (said.mean and len(spec.shape) == 4):
        return picture(
            draft,
            spec,
            color=COLORS.get(said.color, ""),
            mean=said.mean,
            std=said.std,
            size_wh=said.size_wh,
            resize="stretch",
        )
    draft.say(f"input {spec.name!r}: the metadata says neither picture nor sound")
    return False


def _sound(draft: Draft, spec: TensorSpec, said: TensorMetadata) -> bool:
    """A waveform, in windows that follow each other."""
    samples = math.prod(spec.shape)
    if said.channels > 1 or spec.dtype != "float32" or max(spec.shape, default=0) != samples:
        draft.say(
            f"input {spec.name!r}: {said.channels} channels as {spec.dtype}{list(spec.shape)} are not fed here"
        )
        return False
    if not (1 < samples <= MAX_SAMPLES and 0 < said.sample_rate <= 1_000_000):
        draft.say(f"input {spec.name!r}: {samples} samples at {said.sample_rate} Hz are out of range")
        return False
    recipe = {
        "sample_rate": said.sample_rate,
        "feature": "waveform",
        "samples": samples,
        "stride": samples,
    }
    draft.content["inputs"] = [
        {"name": spec.name, "modality": "audio", "shape": list(spec.shape), "layout": "NT", "audio": recipe}
    ]
    draft.say(f"input {spec.name!r}: {samples} samples at {said.sample_rate} Hz")
    return True


class _Labels:
    """Finds the label file of an output."""

    def __init__(self, draft: Draft, associated: Mapping[str, bytes], locale: str) -> None:
        self._draft, self._associated, self._locale = draft, associated, locale

    def __call__(
        self, said: TensorMetadata, *kinds: int, counts: Collection[int] = ()
    ) -> tuple[str, tuple[str, ...]]:
        """Name and rows of the file; "" and () where there is none. `counts`: how many rows would fit."""
        file = label_files.pick(said.files, kinds, self._locale)
        if file is None:
            return "", ()
        content = self._associated.get(file.name)
        if content is None:
            self._draft.leave_out(
                f"the label file {file.name[:80]!r} is named and not in the file: labels are left out"
            )
            return "", ()
        return file.name, label_files.read_labels(content, counts)


def _task(draft: Draft, file: TfliteFile, metadata: ModelMetadata, labels: _Labels) -> bool:
    """The first task that the outputs fit; False where there is none."""
    if draft.content["inputs"][0]["modality"] == "image":
        if detector(draft, file, metadata, labels):
            return True
        if segmenter(draft, file, metadata, labels):
            return True
    return _classifier(draft, file, metadata, labels)


def _classifier(draft: Draft, file: TfliteFile, metadata: ModelMetadata, labels: _Labels) -> bool:
    """One output with a score for each label."""
    if len(file.outputs) != 1:
        return False
    spec, producer = file.outputs[0], file.producers[0]
    said = metadata.outputs[0] if metadata.outputs else TensorMetadata()
    count = math.prod(spec.shape)
    if count < 2 or spec.shape[:-1] != (1,) * (len(spec.shape) - 1):
        return False
    name, rows = labels(said, AXIS_LABELS, counts=(count,))
    if not rows and producer not in ("SOFTMAX", "LOGISTIC"):
        return False
    draft.content["task"] = "classification"
    if draft.content["inputs"][0]["modality"] == "audio":
        _windows(draft, overlap=producer == "LOGISTIC")
    draft.outputs([spec], {spec.name: _decode(draft, spec, said, producer)})
    draft.label(rows, count, name[:80])
    if said.calibrated:
        draft.say(
            "the metadata asks for a calibration of scores, which is not done: scores are the model's own"
        )
    if said.threshold is not None:
        draft.say(f"the metadata takes scores from {said.threshold:g} on for sure: compare `score` with that")
    return True


def _windows(draft: Draft, *, overlap: bool) -> None:
    """How running sound is divided. With a sigmoid each label stands for itself, and any number of them may be heard at
    once: tagging, in windows that overlap by half, as YAMNet's publishers have them."""
    if not overlap:
        draft.say("on a stream one window follows the other")
        return
    draft.content["task"] = "tagging"
    recipe = draft.content["inputs"][0]["audio"]
    recipe["stride"] = max(1, recipe["samples"] // 2)
    draft.say("task tagging: a sigmoid scores each label for itself; on a stream windows overlap by half")


def _decode(draft: Draft, spec: TensorSpec, said: TensorMetadata, producer: str) -> str:
    """How scores are read. TFLite's own libraries take them as they are."""
    if producer == "LOG_SOFTMAX":
        return "logits"
    low, high = said.stats
    known = producer in ("SOFTMAX", "LOGISTIC") or (low[:1] == (0.0,) and high[:1] in ((1.0,), (255.0,)))
    if not known:
        draft.say(
            f"output {spec.name!r}: nothing says that the scores are probabilities; they are taken for such"
        )
    return "probabilities"
