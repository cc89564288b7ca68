"""What edgemm computes on one machine, and how it differs on another; called by `scripts/arm64`.

    python3 arm64_check.py answer FOLDER OUT.npz    prepares pictures and sound, runs the artifacts of FOLDER
    python3 arm64_check.py compare HERE.npz THERE.npz

`compare` prints a line for each quantity and ends with 1 where one differs by more than is promised.
"""

from __future__ import annotations

import itertools
import json
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from edgemm.card import ImageRecipe, InputCard
from edgemm.card.presets import PRESETS
from edgemm.preprocess import compile_audio, compile_image
from edgemm.tensors import TensorSpec

DATA = Path(edgemm.__file__).parent / "data"
COUNT = 100
"""Inputs for each artifact."""
SOURCES_HW = ((60, 90), (24, 32), (11, 13), (7, 200), (179, 320))
"""Rows and columns of pictures, smaller and larger than the tensor of 24 x 32."""
RESAMPLED_FROM = 44100
"""Hertz."""
EACH = 10
"""Of the windows of running sound, so many are passed over for one that is compared."""

PROMISED = {
    "pixels nearest": 0.0,
    "pixels linear": 0.0,
    "pixels area": 1.0,
    "pixels cubic": 1.0,
    "pixels grey": 0.0,
    "sound": 1e-9,
    "input": 0.0,
    "int8.tflite": 0.0,
    "int8.onnx": 0.03,
    "float": 1e-5,
}
"""Kind of quantity -> the largest difference: levels of pixels, units of the tensor, or (for the answers of
artifacts, the last three) a share of the range that the answers have. Sound: a logarithm near 0 may differ in its
last bit, once in some ten million numbers."""
OF_RANGE = ("int8.tflite", "int8.onnx", "float")
RESAMPLED_SNR_DB = {"resampled waveform": 120.0, "resampled": 60.0, "resampled microfrontend": 30.0}
"""Least signal-to-noise ratio of tensors of resampled sound: soxr computes in float32, in another order on ARM. The
samples differ by 2e-7; the integer front end of TFLite Micro rounds some of them to the next number."""

Found = dict[str, npt.NDArray[Any]]


def prepared() -> Found:
    """Pictures and sound as tensors, for each kind of recipe."""
    found = {f"pixels {way}": _pictures(way) for way in ("nearest", "linear", "area", "cubic")}
    found["pixels grey"] = _every_colour_in_grey()
    for name, card in PRESETS.items():
        if card.inputs[0].audio is None:
            continue
        found[f"sound {name}"] = _windows(card.inputs[0], None)
        feature = card.inputs[0].audio.feature
        found[f"resampled {feature} {name}"] = _windows(card.inputs[0], RESAMPLED_FROM)
    return found


def _pictures(interpolation: Any) -> npt.NDArray[np.uint8]:
    """Noise, and a smooth picture, in each colour and resize: uint8[n, 24, 32, channels] laid end to end."""
    made = []
    for (height, width), color, wanted, resize in itertools.product(
        SOURCES_HW, ("rgb", "bgr", "gray"), ("rgb", "gray"), ("stretch", "letterbox", "center-crop")
    ):
        channels = 1 if wanted == "gray" else 3
        recipe = ImageRecipe(color=wanted, resize=resize, interpolation=interpolation, scale=1.0)  # type: ignore[arg-type]
        spec = TensorSpec("input", (1, 24, 32, channels), "uint8")
        prepare = compile_image(InputCard(modality="image", layout="NHWC", image=recipe), spec)
        for pixels in (_noise(height, width), _smooth(height, width)):
            out = np.empty(spec.shape, np.uint8)
            prepare(pixels[:, :, 0] if color == "gray" else pixels, color, out)  # type: ignore[arg-type]
            made.append(out.reshape(-1))
    return np.concatenate(made)


def _noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def _smooth(height: int, width: int) -> npt.NDArray[np.uint8]:
    rows, columns = np.indices((height, width))
    planes = (rows * columns // 7, rows * 5 + columns * 3, rows * rows // 3 + columns)
    return np.stack([plane % 256 for plane in planes], axis=-1).astype(np.uint8)


def _every_colour_in_grey() -> npt.NDArray[np.uint8]:
    """All 2 ** 24 colours, 4096 at a time: uint8[4096, 4096]."""
    spec = TensorSpec("input", (1, 64, 64, 1), "uint8")
    recipe = ImageRecipe(color="gray", resize="none", scale=1.0)
    prepare = compile_image(InputCard(modality="image", layout="NHWC", image=recipe), spec)
    low = np.arange(4096).reshape(64, 64)
    grey = np.empty((4096, 4096), np.uint8)
    for high in range(4096):
        pixels = np.stack([np.full((64, 64), high >> 4), (high & 15) << 4 | low >> 8, low & 255], axis=-1)
        prepare(pixels.astype(np.uint8), "rgb", grey[high].reshape(spec.shape))
    return grey


def _windows(card: InputCard, rate: int | None) -> npt.NDArray[np.float32]:
    """Tensors of the bundled recordings one after the other, recorded at `rate` hertz, or the card's own."""
    recipe = card.audio
    assert recipe is not None
    shape, layout = card.shape, card.layout
    if not shape:
        bands = recipe.n_mfcc if recipe.feature == "mfcc" else recipe.n_mels
        whole = recipe.feature == "waveform"
        shape, layout = ((1, recipe.samples), "NT") if whole else ((1, recipe.frames, bands), "NTF")
    spec = TensorSpec("input", shape, "float32")
    window = compile_audio(InputCard(modality="audio", layout=layout, audio=recipe), spec)
    made = []
    for number, _ in enumerate(window.push(np.concatenate(list(_recordings())), rate or recipe.sample_rate)):
        if number % EACH == 0 or recipe.frames < EACH:  # windows overlap
            out = np.empty(spec.shape, np.float32)
            window.write(out)
            made.append(out)
    return np.concatenate(made)


def _recordings() -> Iterator[npt.NDArray[np.int16]]:
    """Every bundled recording, int16[n] each."""
    for path in (
        *sorted((DATA / "spoken_digits").glob("*.wav")),
        *sorted((DATA / "calibration_words").glob("*.wav")),
    ):
        with wave.open(str(path)) as file:
            yield np.frombuffer(file.readframes(file.getnframes()), np.int16)


def answers(folder: Path) -> tuple[Found, dict[str, Any]]:
    """Inputs and outputs of each artifact, and how its goldens went."""
    found: Found = {}
    goldens = {}
    for path in sorted((*folder.glob("*.tflite"), *folder.glob("*.onnx"))):
        with edgemm.load(path) as model:
            goldens[path.name] = [[each.worst_error, each.tolerance] for each in model.replay_goldens()]
            inputs = list(_inputs(model.card.inputs[0], model.inputs[0]))
            found[f"input {path.name}"] = np.stack(inputs)
            outputs = [model.run({model.inputs[0].name: each}) for each in inputs]
            for spec in model.outputs:
                stacked = np.stack([np.array(each[spec.name]) for each in outputs])
                kind = "float" if "float" in path.name else "int8" + path.suffix
                found[f"{kind} {path.name} {spec.name}"] = stacked
    return found, goldens


def _inputs(card: InputCard, spec: TensorSpec) -> Iterator[npt.NDArray[Any]]:
    """The first `COUNT` bundled pictures, or windows spread over the bundled recordings."""
    if card.image is not None:
        prepare = compile_image(card, spec)
        for pixels in np.load(DATA / "digits" / "held_out.npz")["images"][:COUNT]:
            out = np.empty(spec.shape, spec.dtype)
            prepare(pixels, "gray", out)
            yield out
        return
    assert card.audio is not None
    made = [
        tensor
        for samples in _recordings()
        for tensor in compile_audio(card, spec).clip(samples, card.audio.sample_rate)
    ]
    yield from made[:: max(1, len(made) // COUNT)][:COUNT]


def answer(folder: str, out: str) -> int:
    """Computes all, and keeps it in `out`."""
    found, goldens = answers(Path(folder))
    np.savez(out, goldens=np.array(json.dumps(goldens)), **found, **prepared())
    return 0


def compare(here: str, there: str) -> int:
    """Prints what differs; 1 where it is more than promised."""
    a, b = np.load(here), np.load(there)
    missed = 0
    for name, outcomes in json.loads(str(b["goldens"])).items():
        held = all(worst <= tolerance for worst, tolerance in outcomes)
        print(f"goldens of {name}: " + ("hold" if held else f"DO NOT HOLD, [error, tolerance] {outcomes}"))
        missed += not held
    for name in a.files:
        if name != "goldens":
            missed += not _same(name, a[name], b[name])
    return 1 if missed else 0


def _same(name: str, a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    """Whether two arrays differ by no more than is promised for what they are."""
    if a.shape != b.shape or a.dtype != b.dtype:
        print(f"{name}: EXPECTED {a.dtype}{list(a.shape)}, found {b.dtype}{list(b.shape)}")
        return False
    if np.array_equal(a, b):
        print(f"{name}: {a.size:,} numbers, bit-identical")
        return True
    x, y = a.astype(np.float64), b.astype(np.float64)
    worst = float(np.abs(x - y).max())
    differ = f"{name}: {np.mean(a != b):.2%} of {a.size:,} numbers differ, by {worst:.3g} at most"
    if name.startswith("resampled"):
        least = RESAMPLED_SNR_DB[_kind(name, RESAMPLED_SNR_DB)]
        snr_db = 10.0 * np.log10(np.var(x) / np.mean((x - y) ** 2))
        held = bool(snr_db >= least)
        print(f"{differ}, {snr_db:.0f} dB; {'above' if held else 'BELOW'} {least:g} dB")
        return held
    kind = _kind(name, PROMISED)
    limit = PROMISED[kind] * (np.ptp(x) if kind in OF_RANGE else 1.0)
    held = bool(worst <= limit)
    print(f"{differ}; {'within' if held else 'MORE THAN'} {limit:.3g}")
    return held


def _kind(name: str, kinds: dict[str, float]) -> str:
    """The longest of the kinds that the name begins with."""
    return max((each for each in kinds if name.startswith(each)), key=len)


if __name__ == "__main__":
    sys.exit({"answer": answer, "compare": compare}[sys.argv[1]](*sys.argv[2:]))
