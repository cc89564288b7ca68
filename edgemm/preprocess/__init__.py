"""From pictures, sound, text and points to input tensors, as the card describes; the same code on host and device.

    prepare = compile_image(card.inputs[0], spec)
    prepare(frame.pixels, frame.color, out)             writes the input tensor

    window = compile_audio(card.inputs[0], spec)
    for end in window.push(block.samples, block.sample_rate):
        window.write(out)                               one tensor per stride

    prepare = compile_text(card.inputs, specs, card.files)
    prepare("some text", None, out)                     writes ids, mask and types

    window = compile_points(card.inputs[0], spec)
    if window.push(landmarks.points_xy, source_wh):
        window.write(out)                               the points of the newest item, or of several

A recipe is compiled once; after that nothing the size of a tensor is allocated.

What is the same, bit for bit, on x86 and on ARM: pictures with "nearest" and "linear", conversion to grey, and sound at
the card's own sample rate (a logarithm near 0 may differ in its last bit). What is not: "area" and "cubic", by one grey
level in up to 2 % of the pixels; and resampled sound, by 2e-7 of full scale, see `resample`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgemm.lazy_names import lazy_names

if TYPE_CHECKING:
    from edgemm.preprocess.audio import compile_audio as compile_audio
    from edgemm.preprocess.image import ImagePreprocessor as ImagePreprocessor
    from edgemm.preprocess.image import compile_image as compile_image
    from edgemm.preprocess.points import PointsWindow as PointsWindow
    from edgemm.preprocess.points import compile_points as compile_points
    from edgemm.preprocess.text import TextPreprocessor as TextPreprocessor
    from edgemm.preprocess.text import compile_text as compile_text
    from edgemm.preprocess.window import AudioWindow as AudioWindow

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "compile_audio": "audio", "ImagePreprocessor": "image", "compile_image": "image", "PointsWindow": "points",
        "compile_points": "points", "TextPreprocessor": "text", "compile_text": "text", "AudioWindow": "window",
    },
)  # fmt: skip

__all__ = [
    "AudioWindow", "ImagePreprocessor", "PointsWindow", "TextPreprocessor", "compile_audio", "compile_image",
    "compile_points", "compile_text",
]  # fmt: skip
