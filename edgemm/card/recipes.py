"""How pictures and sound become an input tensor: the parts of a card that `preprocess` reads.

The docstring under each field is its line in docs/cards.md (`python scripts/card_reference.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from edgemm.frozen import dataclass, field

MAX_SAMPLES = 1 << 24
"""Samples that one input covers: 17 minutes at 16 kHz."""


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
    interpolation: Literal["nearest", "linear", "area", "cubic", "mediapipe"] = "linear"
    """"nearest" and "linear" give the same pixels on every processor. "linear" is bilinear without smoothing, as
    `torch.nn.functional.interpolate(mode="bilinear")` without `antialias` to one grey level; PIL, torchvision and
    `antialias=True` smooth when they shrink: "area" is closer to what models trained with them saw. "area" and
    "cubic" are OpenCV's, and may differ by one grey level between ARM and x86. "mediapipe" is bilinear from the
    picture's corner: pixel i of the tensor shows the picture at i steps, without half a pixel, and a letterbox's border
    is not rounded to whole pixels, as in MediaPipe's graphs. Not for center-crop."""
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

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "pad_value": (0, 255),
        "resize_short": (0, 1 << 14),
    }


@dataclass(frozen=True, slots=True)
class LatentRecipe:
    """What a generator's input is drawn from, or that it says which class is to be made."""

    kind: Literal["normal", "uniform", "one-hot", "index"] = "normal"
    """normal: each number has the mean `mean` and the deviation `std`. uniform: each lies between `low` and `high`.
    one-hot: `on` in the place of the class, `off` in the others. index: the number of the class."""
    mean: float = 0.0
    """Of normal: what the numbers are on average."""
    std: float = 1.0
    """Of normal: the standard deviation, above 0."""
    low: float = -1.0
    """Of uniform: the smallest number."""
    high: float = 1.0
    """Of uniform: what all numbers stay below."""
    first: int = 0
    """Of one-hot and index: the place, or the number, of the first class."""
    on: float = 1.0
    """Of one-hot: the number in the place of the class."""
    off: float = 0.0
    """Of one-hot: the number in the other places."""
    classes: int = 0
    """Of index: how many there are; 0: as many as the card has labels."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "mean": (-1e6, 1e6),
        "std": (1e-6, 1e6),
        "low": (-1e6, 1e6),
        "high": (-1e6, 1e6),
        "first": (0, 1 << 20),
        "on": (-1e6, 1e6),
        "off": (-1e6, 1e6),
        "classes": (0, 1 << 20),
    }


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
    """Of the arithmetic: 1; 2 where a key from `gain` on, or a value that is said to need it, is used; 3 likewise."""
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
    window_type: Literal["hann", "povey", "hamming"] = "hann"
    """hann: periodic. povey: symmetric Hann to the power of 0.85, Kaldi's default. hamming (version 3): periodic, as
    SciPy's. Version 2."""
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
    window_at: Literal["start", "middle"] = "start"
    """Where the window lies in a Fourier transform that is longer. start: frame t begins with sample t * hop. middle:
    it is `n_fft` samples long from there on, and the window covers those in its middle, as librosa and torch.stft have
    it with center=False. Version 3."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "sample_rate": (1, 1_000_000),
        "version": (1, 1 << 16),
        "window": (1, 1 << 14),
        "hop": (1, 1 << 14),
        "n_fft": (2, 1 << 14),
        "n_mels": (1, 512),
        "fmin": (0, 500_000),
        "fmax": (0, 500_000),
        "power": (0.1, 10),
        "log_offset": (1e-30, 1e6),
        "frames": (0, 1 << 20),
        "samples": (0, MAX_SAMPLES),
        "stride": (1, MAX_SAMPLES),
        "gain": (1e-9, 1e9),
        "preemphasis": (0, 1),
        "db_range": (0, 1000),
        "n_mfcc": (0, 512),
        "lead": (0, MAX_SAMPLES),
    }


@dataclass(frozen=True, slots=True)
class PointsRecipe:
    """How points of a face, body or hand become an input tensor: chosen, made relative to one place, and divided.

    The tensor holds x and y of each point in turns; with a history, those of the oldest item first.
    """

    points: tuple[int, ...] = ()
    """Numbers of the points that the tensor holds, in their order; [] for all."""
    history: int = 1
    """Items whose points the tensor holds: 1 for those of the newest alone; more for the way that they went. There is
    a result as soon as there are so many, and then with each item; an item without points begins anew."""
    origin: Literal["point", "first", "none"] = "point"
    """What is subtracted. point: of each item the place of `origin_point`. first: where the first point of the tensor
    stands, which is that of the oldest item. none: nothing."""
    origin_point: int = 0
    """origin point: the number of that point among all."""
    divide_by: Literal["largest", "picture", "none"] = "largest"
    """What x and y are divided by then. largest: the largest absolute value of all, so that -1..1 is filled. picture: x
    by the width of the picture, y by its height. none: they stay in pixels."""
    extra: dict[str, Any] = field(default_factory=dict)

    BOUNDS: ClassVar[Mapping[str, tuple[float, float]]] = {
        "points": (0, 1 << 14),
        "history": (1, 1 << 12),
        "origin_point": (0, 1 << 14),
    }
