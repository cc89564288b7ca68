"""What comes with edgemm to try it on: nine trained models, pictures of digits, a page, recordings of words.

    models/digits.onnx        handwritten digits, 28 x 28
    models/keywords.onnx      spoken digits in running sound, 8 kHz
    models/digits_ctc.onnx    strings of spoken digits written down, 8 kHz; digits_ctc.int8.tflite and
                              digits_ctc.int8.onnx, made of it, listen to a stream
    models/written_numbers.tflite.zip, models/written_numbers.onnx.zip
                              bundles that write numbers, times and dates as English words
    models/scene_detector.onnx, models/scene_segmenter.onnx
                              digits in moving, cluttered scenes, which `edgemm.data.scenes` draws
    models/super_resolution_x2.onnx
                              pictures twice as large; also .int8.tflite and .int8.onnx
    models/digit_generator.onnx
                              handwritten digits of a seed and a label; also .int8.tflite and .int8.onnx
    models/page_reader.tflite.zip
                              a bundle that reads the text in pictures
    pages/receipt.png         a drawn page of text; its lines in receipt.txt
    digits/0 ... digits/9     40 of the held-out pictures as PNG, a folder per digit
    digits/held_out.npz       all 1,000 held-out pictures: the model saw none of them
    digits/calibration.npz    100 pictures that the model was trained on
    spoken_digits/            ten recordings of a speaker that the model never heard
    calibration_words/        other words of the same speaker

Each folder has its licence beside it. `examples/train/` made all of it and can make it again.
"""

from __future__ import annotations

import wave
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgemm.errors import InputError

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""The spoken digits, in order of their number."""


def path(name: str) -> Path:
    """Where a bundled file or folder is.

    Args:
        name: as listed above, such as "models/digits.onnx".

    Raises:
        InputError: nothing of that name is bundled.
    """
    root = Path(str(resources.files(__name__)))
    found = root / name
    if ".." in Path(name).parts or Path(name).is_absolute() or not found.exists():
        there = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] != "_")
        raise InputError(f"edgemm.data: expected a name inside {', '.join(there)}; found {name!r}")
    return found


def digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The held-out pictures: uint8[1000, 28, 28], white on black, and labels int64[1000], 100 of each digit."""
    return _pictures("digits/held_out.npz")


def calibration_digits() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Pictures to calibrate with: uint8[100, 28, 28] of the training split, and labels int64[100]."""
    return _pictures("digits/calibration.npz")


def spoken_digits() -> list[tuple[str, npt.NDArray[np.float32], int]]:
    """Ten recordings, "zero" to "nine": (word, float32[n] in -1..1, hertz) of each."""
    recordings = ((word, path(f"spoken_digits/{word}.wav")) for word in WORDS)
    return [(word, *_recording(file)) for word, file in recordings]


def _pictures(name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    with np.load(path(name), allow_pickle=False) as file:
        return file["images"], file["labels"].astype(np.int64)


def _recording(file: Path) -> tuple[npt.NDArray[np.float32], int]:
    """float32[n] in -1..1 and hertz of a bundled recording: 16 bits, one channel."""
    with wave.open(str(file), "rb") as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        return samples.astype(np.float32) / np.float32(32768.0), sound.getframerate()
