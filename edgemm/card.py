"""The card: what an artifact says about itself, as JSON inside the file.

The card names the task, tells exactly how an input is made from a picture or from sound,
how an output is read, and what was measured when the model was converted. Keys that this
version does not know are kept and written back (`extra`).
"""

from __future__ import annotations

import json
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, get_args

from edgemm.errors import CardError, UnsupportedVersion

SCHEMA = "edgemm.card/1"
MAX_CARD_BYTES = 1 << 20
"""A card larger than this (1 MiB) is refused unread."""

Task = Literal[
    "classification", "keyword", "detection", "segmentation", "transcription",
    "audio", "picture", "embedding", "tensors",
]  # fmt: skip
Family = Literal["CNN", "RNN", "Transformer", "GAN", ""]
Modality = Literal["image", "audio", "text", "tensor"]


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """How a picture becomes an input tensor: colour, resize, then (pixel * scale - mean) / std."""

    color: Literal["rgb", "bgr", "gray"] = "rgb"
    """Order of the channels that the model was trained on."""
    resize: Literal["stretch", "letterbox", "center-crop", "none"] = "stretch"
    """stretch: both sides to size. letterbox: keep the shape, pad. center-crop: see `resize_short`."""
    interpolation: Literal["nearest", "linear", "area", "cubic"] = "linear"
    """"nearest" and "linear" give the same pixels on every processor. "linear" is bilinear without smoothing, as
    `torch.nn.functional.interpolate(mode="bilinear")` without `antialias` to one grey level; PIL, torchvision and
    `antialias=True` smooth when they shrink: "area" is closer to what models trained with them saw. "area" and
    "cubic" are OpenCV's, and may differ by one grey level between ARM and x86."""
    pad_value: int = 114
    """Grey level, 0..255, of a letterbox's border."""
    resize_short: int = 0
    """center-crop: length in pixels of the shorter side before the crop; 0: the input's own size."""
    scale: float = 1.0 / 255.0
    mean: tuple[float, ...] = (0.0,)
    """One number, or one per channel, in units after `scale`."""
    std: tuple[float, ...] = (1.0,)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioRecipe:
    """How samples become an input tensor: a waveform, or frames of log-mel, MFCC or the TFLite-Micro front end.

    `preprocess/presets.py` has those of common models, `preprocess/logmel.py` the arithmetic.
    """

    sample_rate: int = 16000
    """Hertz."""
    feature: Literal["waveform", "logmel", "mfcc", "microfrontend"] = "logmel"
    """"mfcc" and "microfrontend" are of version 2."""
    version: int = 1
    """Of the front end: another number computes other values. The fields from `gain` on are of version 2."""
    window: int = 400
    """Samples in one analysis window."""
    hop: int = 160
    """Samples between two windows."""
    n_fft: int = 512
    n_mels: int = 40
    fmin: float = 20.0
    """Hertz, lower edge of the first mel filter."""
    fmax: float = 7600.0
    """Hertz, upper edge of the last mel filter."""
    mel_scale: Literal["htk", "slaney", "kaldi"] = "htk"
    """Formula of the mel scale; "slaney" filters are also area-normalised, "htk" ones peak at 1. "kaldi" (version 2)
    has htk's formula and triangles over mel, as Kaldi and tf.signal draw them, not over hertz."""
    power: float = 2.0
    """Exponent of the magnitude spectrum: 2 power, 1 magnitude."""
    log_offset: float = 1e-6
    """log(mel + log_offset), natural logarithm; see `log`."""
    frames: int = 98
    """Frames in one input of the model."""
    samples: int = 0
    """Samples in one input of the model, when `feature` is "waveform" or there is `padding`."""
    mean: tuple[float, ...] = (0.0,)
    """Subtracted from the feature: one number, or one per mel band or coefficient."""
    std: tuple[float, ...] = (1.0,)
    """Divides after `mean`."""
    stride: int = 160
    """Samples between two runs of the model on a stream: a multiple of `hop`. With `frames` hops, windows
    follow each other without overlap, as models that remember by themselves want it."""
    gain: float = 1.0
    """Samples in -1..1 are multiplied by it first: 32768 for front ends that expect 16-bit numbers."""
    normalize: Literal["none", "peak"] = "none"
    """peak: each input of the model is divided by its largest sample."""
    remove_dc: bool = False
    """Each analysis window loses its mean."""
    preemphasis: float = 0.0
    """x[i] - preemphasis * x[i - 1] within each analysis window, whose first sample stands for the one before."""
    window_type: Literal["hann", "povey"] = "hann"
    """hann: periodic. povey: symmetric Hann to the power of 0.85."""
    padding: Literal["none", "reflect", "constant"] = "none"
    """Not "none": frame t is centred at sample t * hop, and what is missing at the ends of the model's input is
    mirrored, or zero: there are 1 + samples // hop frames."""
    log: Literal["offset", "floor", "db"] = "offset"
    """offset: ln(mel + log_offset). floor: ln(max(mel, log_offset)). db: 10 log10(max(mel, log_offset))."""
    db_reference: Literal["one", "max"] = "one"
    """What 0 dB is: 1, or the largest value in the model's input."""
    db_range: float = 0.0
    """Decibels below the largest value in the model's input at which values are cut; 0: they are not."""
    n_mfcc: int = 0
    """Coefficients of the cosine transform (DCT-II) that "mfcc" keeps."""
    dct_norm: Literal["htk", "ortho"] = "htk"
    """htk: sqrt(2 / n_mels) for all, as tf.signal has it. ortho: the first is smaller by sqrt(2)."""
    lead: int = 0
    """Samples of silence before the first one of a stream: the context of a model that looks back."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputCard:
    """One input of the model."""

    name: str = "input"
    """Name of the tensor in the file."""
    modality: Modality = "tensor"
    shape: tuple[int, ...] = ()
    """As stored in the file, the batch of 1 included."""
    layout: str = ""
    """"NHWC" or "NCHW" for pictures; "NTF", "NFT", "NTFC", "NCTF" for frames; "NT" for samples; else ""."""
    image: ImageRecipe | None = None
    audio: AudioRecipe | None = None
    value: float | None = None
    """For an input that never changes, such as a sample rate: what each of its elements is."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputCard:
    """One output of the model and how to read it."""

    name: str = "output"
    """Name of the tensor in the file."""
    shape: tuple[int, ...] = ()
    decode: Literal["probabilities", "logits", "sigmoid", "raw"] = "raw"
    """What the numbers are: a distribution, scores before softmax, scores before sigmoid, or just numbers."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatePair:
    """A recurrent model's state: `output` of one step is `input` of the next."""

    output: str
    input: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeywordRecipe:
    """How scores over running audio become detections."""

    threshold: float = 0.5
    """0..1, on the smoothed score."""
    smooth_windows: int = 1
    """Number of windows in the running mean."""
    refractory_s: float = 0.5
    """Seconds after a detection in which the same word is not found again."""
    background: tuple[str, ...] = ()
    """Labels that are never a detection: silence, unknown."""
    warmup_windows: int = 0
    """Windows after the start, or after a gap, in which nothing is detected."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that an artifact says about itself."""

    name: str = "model"
    version: str = "1"
    licence: str = ""
    """SPDX expression, or "" when nobody said."""
    min_edgemm: str = ""
    """Oldest edgemm that reads this card as it is meant; "" for any."""
    payload_sha256: str = ""
    """Of the model without its card: hex. Checked before native code sees the file."""
    task: Task = "tensors"
    family: Family = ""
    inputs: tuple[InputCard, ...] = ()
    outputs: tuple[OutputCard, ...] = ()
    labels: tuple[str, ...] = ()
    top_k: int = 1
    """How many classes a classification names."""
    keyword: KeywordRecipe | None = None
    states: tuple[StatePair, ...] = ()
    quantization: dict[str, Any] = field(default_factory=dict)
    """scheme ("float", "static", "dynamic"), target, and what was done to keep the accuracy."""
    fidelity: dict[str, Any] = field(default_factory=dict)
    """Measured at conversion: per output snr_db, max_abs_error, top1_agreement."""
    source_sha256: str = ""
    """Hash of the model that this one was made from."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Keys that this version does not know, kept."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, schema key first; empty fields left out, recipes in full."""
        return {"schema": SCHEMA, **_to_dict(self)}

    def to_json(self) -> str:
        """The card as indented JSON; the same card always gives the same text.

        Raises:
            CardError: it holds what JSON cannot: infinity, NaN, an array.
        """
        try:
            return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise CardError(f"the card cannot be written: {error}. Give plain, finite JSON values") from error

    @staticmethod
    def from_json(text: str | bytes) -> ModelCard:
        """Reads a card.

        Raises:
            CardError: not JSON, too large, or a value that makes no sense; says which key.
            UnsupportedVersion: the card's schema or `min_edgemm` is newer than this edgemm.
        """
        from edgemm import card_reader

        return card_reader.read(text)

    def with_(self, **changes: Any) -> ModelCard:
        """A copy with some fields changed."""
        return replace(self, **changes)


_IN_FULL = (ImageRecipe, AudioRecipe, KeywordRecipe)
"""Written with every field, so that a default that changes later does not change what an old file means."""


def _to_dict(value: Any) -> dict[str, Any]:
    """A card dataclass as a dictionary; what it does not know goes last, and never over what it knows."""
    known = [f for f in fields(value) if f.name != "extra"]
    written = {
        f.name: _plain(getattr(value, f.name))
        for f in known
        if isinstance(value, _IN_FULL) or not _says_nothing(getattr(value, f.name), f)
    }
    names = {f.name for f in known}
    return written | {key: item for key, item in value.extra.items() if key not in names}


def _says_nothing(item: Any, field_: Field[Any]) -> bool:
    """Empty, and read as the same empty value where it is left out."""
    empty = item is None or item in ("", (), {})
    return empty and (item == field_.default or field_.default_factory is dict)


def _plain(item: Any) -> Any:
    if is_dataclass(item):
        return _to_dict(item)
    return [_plain(part) for part in item] if isinstance(item, tuple) else item


TASKS: tuple[str, ...] = get_args(Task)

__all__ = [
    "AudioRecipe", "CardError", "ImageRecipe", "InputCard", "KeywordRecipe", "ModelCard",
    "OutputCard", "StatePair", "UnsupportedVersion",
]  # fmt: skip
