"""The card: what an artifact says about itself, as JSON inside the file.

The card names the task, says exactly how an input is made from a picture or from sound, how an output is read, and
what was measured when the model was converted. Keys that this version does not know are kept (`extra`); where a card is
written they are refused, unless they begin with "x-" (`edgemm.card.keys`).

The docstring under each field is its line in docs/cards.md (`python scripts/card_reference.py`).
"""

from __future__ import annotations

import json
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, get_args

from edgemm.errors import CardError, UnsupportedVersion

SCHEMA = "edgemm.card/1"
MAX_CARD_BYTES = 4 << 20
"""A card larger than this (4 MiB) is refused unread: 50,000 labels take 1 to 2."""

Task = Literal[
    "classification", "keyword", "detection", "segmentation", "transcription",
    "audio", "picture", "embedding", "tensors",
]  # fmt: skip
Family = Literal["CNN", "RNN", "Transformer", "GAN", ""]
Modality = Literal["image", "audio", "text", "tensor"]


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """How a picture becomes an input tensor: colour, resize, then (pixel * scale - mean) / std for each channel.

    Written in full, so that a default that changes later does not change what an old file means.
    """

    color: Literal["rgb", "bgr", "gray"] = "rgb"
    """Order of the channels in the pictures that the model was trained on; gray is one channel."""
    resize: Literal["stretch", "letterbox", "center-crop", "none"] = "stretch"
    """How a picture of another size is brought to the input's. stretch: width and height each to the input's, which may
    distort. letterbox: as large as fits without distortion, the rest filled with `pad_value`. center-crop: the shorter
    side to `resize_short`, then the middle is cut out. none: a picture of another size is an error."""
    interpolation: Literal["nearest", "linear", "area", "cubic"] = "linear"
    """"nearest" and "linear" give the same pixels on every processor. "linear" is bilinear without smoothing, as
    `torch.nn.functional.interpolate(mode="bilinear")` without `antialias` to one grey level; PIL, torchvision and
    `antialias=True` smooth when they shrink: "area" is closer to what models trained with them saw. "area" and
    "cubic" are OpenCV's, and may differ by one grey level between ARM and x86."""
    pad_value: int = 114
    """Grey level of a letterbox's border, black to white."""
    resize_short: int = 0
    """Pixels. center-crop: length of the shorter side before the crop; 0: the input's own size."""
    scale: float = 1.0 / 255.0
    """Multiplies the pixels of 0..255 first; not 0."""
    mean: tuple[float, ...] = (0.0,)
    """Subtracted after `scale`: one number, or one for each channel in the order of `color`."""
    std: tuple[float, ...] = (1.0,)
    """Divides after `mean`: one number, or one for each channel; not 0."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioRecipe:
    """How samples become an input tensor: a waveform, or frames of log-mel, MFCC or the TFLite-Micro front end.

    Presets have those of common models. Written in full, as image recipes are.
    """

    sample_rate: int = 16000
    """Hertz. Sound of another rate is resampled."""
    feature: Literal["waveform", "logmel", "mfcc", "microfrontend"] = "logmel"
    """What the model takes: samples as they are, logarithms of mel bands, their cosine transform, or what the
    TFLite-Micro front end computes. mfcc and microfrontend need version 2."""
    version: int = 1
    """Of the arithmetic: 1, or 2 where a key from `gain` on, or a value that is said to need it, is used."""
    window: int = 400
    """Samples in one analysis window."""
    hop: int = 160
    """Samples between two windows."""
    n_fft: int = 512
    """Samples in one Fourier transform, at least `window`: the window is padded with zeros."""
    n_mels: int = 40
    """How many mel bands there are."""
    fmin: float = 20.0
    """Hertz, lower edge of the first mel filter."""
    fmax: float = 7600.0
    """Hertz, upper edge of the last mel filter."""
    mel_scale: Literal["htk", "slaney", "kaldi"] = "htk"
    """Formula of the mel scale, and shape of the filters. slaney: librosa's default, each filter of area 1. htk:
    triangles over hertz with a peak of 1. kaldi (version 2): htk's formula, triangles over mel with a peak of 1, as
    Kaldi and tf.signal have them."""
    power: float = 2.0
    """Exponent of the magnitude spectrum: 2 power, 1 magnitude."""
    log_offset: float = 1e-6
    """Added to, or smallest value of, a mel band before its logarithm; see `log`."""
    frames: int = 98
    """Frames in one input of the model."""
    samples: int = 0
    """Samples in one input of the model, when `feature` is "waveform" or there is `padding`."""
    mean: tuple[float, ...] = (0.0,)
    """Subtracted from the feature: one number, or one for each mel band or coefficient."""
    std: tuple[float, ...] = (1.0,)
    """Divides after `mean`: one number, or one for each mel band or coefficient; not 0."""
    stride: int = 160
    """Samples between two runs of the model on a stream, a multiple of `hop`. With `frames` times `hop`, windows follow
    each other without overlap, as models that keep a state need it."""
    gain: float = 1.0
    """Multiplies the samples of -1..1 first: 32768 for models that expect 16-bit numbers. Version 2."""
    normalize: Literal["none", "peak"] = "none"
    """peak: each input of the model is divided by its largest sample. Version 2."""
    remove_dc: bool = False
    """The mean of each analysis window is subtracted from it. Version 2."""
    preemphasis: float = 0.0
    """x[i] - preemphasis * x[i - 1] within each analysis window, whose first sample stands for the one before it.
    Version 2."""
    window_type: Literal["hann", "povey"] = "hann"
    """hann: periodic. povey: symmetric Hann to the power of 0.85, Kaldi's default. Version 2."""
    padding: Literal["none", "reflect", "constant"] = "none"
    """Not none: frame t is centred at sample t * hop, and what is missing at the ends of the model's input is mirrored,
    or zero: there are 1 + samples // hop frames, as librosa and torchaudio make them. Version 2."""
    log: Literal["offset", "floor", "db"] = "offset"
    """offset: ln(mel + log_offset). floor: ln(max(mel, log_offset)). db: 10 log10(max(mel, log_offset)). Version 2."""
    db_reference: Literal["one", "max"] = "one"
    """What 0 dB is with log db: 1, or the largest value in the model's input. Version 2."""
    db_range: float = 0.0
    """Decibels below the largest value in the model's input at which values are cut; 0: they are not. Version 2."""
    n_mfcc: int = 0
    """Coefficients of the cosine transform (DCT-II) that feature mfcc keeps. Version 2."""
    dct_norm: Literal["htk", "ortho"] = "htk"
    """Factor of the cosine transform. htk: sqrt(2 / n_mels) for all coefficients, as in tf.signal. ortho: the first is
    smaller by sqrt(2), as in librosa. Version 2."""
    lead: int = 0
    """Samples of silence before the first one of a stream, for a model that looks back. Version 2."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputCard:
    """One input of the model."""

    name: str = "input"
    """Name of the tensor in the file. Another name is replaced by the file's where a card is fitted to it."""
    modality: Modality = "tensor"
    """What the input is made from: pictures (needs `image`), sound (needs `audio`), or a tensor that the caller gives.
    text is reserved."""
    shape: tuple[int, ...] = ()
    """As stored in the file, the batch of 1 included; [] to take the file's. Needed where the file leaves it open."""
    layout: str = ""
    """NHWC or NCHW for pictures; NTF, NFT, NTFC or NCTF for frames of sound (time, features, channel); NT for samples;
    "" to guess it from the shape."""
    image: ImageRecipe | None = None
    """How a picture becomes the tensor; for modality image."""
    audio: AudioRecipe | None = None
    """How sound becomes the tensor; for modality audio."""
    value: float | None = None
    """For an input that never changes, such as a sample rate: the number in each of its elements."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutputCard:
    """One output of the model and how to read it."""

    name: str = "output"
    """Name of the tensor in the file. Another name is replaced by the file's where a card is fitted to it."""
    shape: tuple[int, ...] = ()
    """As stored in the file; [] to take the file's."""
    decode: Literal["probabilities", "logits", "sigmoid", "raw"] = "raw"
    """What the numbers are. probabilities: 0..1, used as they are. logits: softmax makes them probabilities. sigmoid:
    sigmoid does, each class for itself. raw: just numbers. A classification or keyword reads the first output that is
    not raw, of shape [1, C] or [C]."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatePair:
    """A recurrent model's state: `output` of one step is `input` of the next."""

    output: str
    """Name of the output that holds the state after a step."""
    input: str
    """Name of the input that takes it in the next step; zeros at the start of a stream."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeywordRecipe:
    """How scores over running audio become detections."""

    threshold: float = 0.5
    """Smallest smoothed score of a detection."""
    smooth_windows: int = 1
    """How many windows the running mean of the scores is over."""
    refractory_s: float = 0.5
    """Seconds after a detection in which the same word is not detected again."""
    background: tuple[str, ...] = ()
    """Labels that are never a detection, such as silence and unknown."""
    warmup_windows: int = 0
    """Windows after the start, or after a gap, in which nothing is detected."""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """All that an artifact says about itself."""

    name: str = "model"
    """What people call the model."""
    version: str = "1"
    """Of the model, in any form."""
    licence: str = ""
    """SPDX expression, such as Apache-2.0; "" where it is not known."""
    min_edgemm: str = ""
    """Oldest edgemm that reads this card as it is meant, such as 0.2; "" for any."""
    payload_sha256: str = ""
    """SHA-256 of the model without its card, hexadecimal. Written by edgemm, and checked when the file is read."""
    task: Task = "tensors"
    """What the model is for. classification, keyword and tensors (outputs as they are) are decoded by this version."""
    family: Family = ""
    """Kind of network; for people only."""
    inputs: tuple[InputCard, ...] = ()
    """One object for each input of the file, in any order; [] to take the file's."""
    outputs: tuple[OutputCard, ...] = ()
    """One object for each output of the file; [] to take the file's."""
    labels: tuple[str, ...] = ()
    """Names of the classes in the order of the scores, as many as there are scores; [] to number them."""
    top_k: int = 1
    """How many classes a classification names, best first."""
    keyword: KeywordRecipe | None = None
    """How scores over running sound become detections; for task keyword."""
    states: tuple[StatePair, ...] = ()
    """The outputs of a recurrent or causal model that go back into its inputs."""
    quantization: dict[str, Any] = field(default_factory=dict)
    """Written by `edgemm convert`: scheme (float, static, dynamic), target, and what was done to keep the accuracy."""
    fidelity: dict[str, Any] = field(default_factory=dict)
    """Written by `edgemm convert`: for each output snr_db, max_abs_error, top1_agreement."""
    source_sha256: str = ""
    """Written by `edgemm convert`: SHA-256 of the model that this one was made from, hexadecimal."""
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
            CardError: not JSON, too large, or a value that is out of range; says which key.
            UnsupportedVersion: the card's schema or `min_edgemm` is newer than this edgemm.
        """
        from edgemm.card import reader as card_reader

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
