"""From pictures and sound to input tensors, exactly as the card says; the same code on host and device.

    prepare = compile_image(card.inputs[0], spec)
    prepare(frame.pixels, frame.color, out)             writes the input tensor

    window = compile_audio(card.inputs[0], spec)
    for end in window.push(block.samples, block.sample_rate):
        window.write(out)                               one tensor per stride

A recipe is compiled once; after that nothing the size of a tensor is allocated.
"""

from __future__ import annotations

from edgemm.preprocess.audio import compile_audio
from edgemm.preprocess.image import ImagePreprocessor, compile_image
from edgemm.preprocess.window import AudioWindow

__all__ = ["AudioWindow", "ImagePreprocessor", "compile_audio", "compile_image"]
