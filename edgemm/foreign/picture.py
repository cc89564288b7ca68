"""The input of a card that takes pictures, from what a file says about normalisation, colour and size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgemm.foreign.draft import Draft, layout_of, numbers, sizes
from edgemm.tensors import TensorSpec

MAX_SIDE = 1 << 14
STORED = {"uint8": 0, "int8": -128}
"""Type of an input that stores pixels -> what pixel 0 is stored as."""


def picture(
    draft: Draft,
    spec: TensorSpec,
    *,
    color: str = "",
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    size_wh: tuple[int, int] = (0, 0),
    **recipe: Any,
) -> bool:
    """Makes `spec` the draft's only input, of pictures.

    Args:
        draft: gets the input, and sentences.
        spec: the tensor.
        color: "rgb", "bgr" or "gray", "" for rgb or gray, whichever the channels are.
        mean: subtracted from pixels of 0..255, one number or one for each channel.
        std: divides after that.
        size_wh: pixels, where the file leaves its size open.
        recipe: more keys of the card's image recipe.

    Returns:
        False where the tensor is none for pictures; then the draft has no input.
    """
    layout = layout_of(spec)
    if not layout or not holds_pixels(spec):
        draft.say(f"input {spec.name!r}, {spec.dtype}{list(spec.shape)}, is not the tensor of one picture")
        return False
    width, height, channels = sizes(spec, layout)
    width, height = (said if now < 1 else now for said, now in zip(size_wh, (width, height), strict=True))
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        draft.say(f"input {spec.name!r}: the file leaves the size of its pictures open: give it in a card")
        return False
    image = {"color": _color(draft, spec, color, channels)}
    image |= _scaling(draft, spec, mean, std, 1 if image["color"] == "gray" else 3) | recipe
    shape = [1, channels, height, width] if layout == "NCHW" else [1, height, width, channels]
    entry = {"name": spec.name, "modality": "image", "shape": shape, "layout": layout, "image": image}
    draft.content["inputs"] = [entry]
    return True


def holds_pixels(spec: TensorSpec) -> bool:
    """Whether pictures can be written into such a tensor: what `edgemm.preprocess` takes."""
    return spec.dtype in ("float32", "uint8") or (spec.dtype == "int8" and spec.quantized)


def _color(draft: Draft, spec: TensorSpec, said: str, channels: int) -> str:
    """The colour that fits the tensor."""
    if channels == 1:
        if said not in ("", "gray"):
            draft.say(f"input {spec.name!r}: the file says {said}, the tensor has one channel: gray")
        return "gray"
    if said == "gray":
        draft.say(f"input {spec.name!r}: the file says gray, the tensor has three channels: rgb")
    return said if said in ("rgb", "bgr") else "rgb"


def _scaling(
    draft: Draft, spec: TensorSpec, mean: Sequence[float], std: Sequence[float], channels: int
) -> dict[str, Any]:
    """scale, mean and std of the recipe: real numbers of the tensor from pixels."""
    mean, std = _sound(draft, spec, mean, std, channels)
    stored = _as_stored(spec, mean, std)
    if stored is not None:
        draft.say(f"input {spec.name!r}: stores pixels as they are" + (", 128 less" if stored else ""))
        scale = spec.scale if spec.quantized else 1.0
        zero = (spec.zero_point - stored) * scale if spec.quantized else 0.0
        return {"scale": scale, "mean": [zero], "std": [1.0]}
    if not mean and not std:
        draft.say(
            f"input {spec.name!r}: the file names no normalisation: pixels of 0..255 are taken as they are"
        )
    return {"scale": 1.0, "mean": list(mean) or [0.0], "std": list(std) or [1.0]}


def _sound(
    draft: Draft, spec: TensorSpec, mean: Sequence[float], std: Sequence[float], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std, or neither where they cannot be."""
    good = numbers(mean), numbers(std)
    sound = all(len(each) in (0, 1, channels) for each in good) and all(abs(each) > 1e-9 for each in good[1])
    if sound and len(good[0]) == len(mean) and len(good[1]) == len(std):
        return good
    draft.say(
        f"input {spec.name!r}: its mean and std, {_short(mean)} and {_short(std)}, do not fit {channels} channel(s) "
        "and are left out"
    )
    return (), ()


def _short(found: Sequence[float]) -> str:
    more = ", ..." if len(found) > 4 else ""
    return f"[{', '.join(f'{each:g}' for each in list(found)[:4])}{more}]"


def _as_stored(spec: TensorSpec, mean: Sequence[float], std: Sequence[float]) -> int | None:
    """What pixel 0 is stored as where the input stores pixels, else None.

    A uint8 input does, whatever the normalisation: the metadata's is that of the float model, and TFLite's own
    libraries hand the pixels over. An int8 input does where its grid is the normalisation to one step.
    """
    if spec.dtype not in STORED or (spec.dtype == "int8" and not spec.quantized):
        return None
    low = STORED[spec.dtype]
    if spec.dtype == "uint8":
        return low
    offsets, factors = list(mean) or [0.0], list(std) or [1.0]
    for at in range(max(len(offsets), len(factors))):
        offset, factor = offsets[min(at, len(offsets) - 1)], factors[min(at, len(factors) - 1)]
        for pixel in (0, 255):
            step = (pixel - offset) / factor / spec.scale + spec.zero_point
            if abs(step - (pixel + low)) > 1.01:
                return None
    return low
