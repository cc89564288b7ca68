"""Cards of common kinds of models, to start from: `edgemm convert --preset NAME`.

They say how an input is made; names, shapes and layouts come from the model itself.
"""

from __future__ import annotations

from edgemm.card import AudioRecipe, ImageRecipe, InputCard, KeywordRecipe, ModelCard, OutputCard, Task
from edgemm.errors import InputError


def _image(task: Task, decode: OutputCard, recipe: ImageRecipe) -> ModelCard:
    return ModelCard(
        task=task, family="CNN", inputs=(InputCard(modality="image", image=recipe),), outputs=(decode,)
    )


def _audio(recipe: AudioRecipe) -> ModelCard:
    return ModelCard(
        task="keyword",
        inputs=(InputCard(modality="audio", audio=recipe),),
        outputs=(OutputCard(decode="logits"),),
        keyword=KeywordRecipe(),
    )


PRESETS: dict[str, ModelCard] = {
    # torchvision's classifiers: shorter side to 256, centre of 224, mean and deviation of ImageNet.
    "imagenet": _image(
        "classification",
        OutputCard(decode="logits"),
        ImageRecipe(
            resize="center-crop",
            resize_short=256,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        ),
    ),
    # Keras applications in "tf" mode (MobileNet, Inception): -1..1; they end in a softmax.
    "imagenet-tf": _image(
        "classification",
        OutputCard(decode="probabilities"),
        ImageRecipe(resize="center-crop", resize_short=256, mean=(0.5,), std=(0.5,)),
    ),
    # Handwritten digits, white on black, 0..1.
    "mnist": _image("classification", OutputCard(decode="logits"), ImageRecipe(color="gray")),
    # 25 ms windows each 10 ms, 40 bands, about one second.
    "logmel16k": _audio(AudioRecipe()),
    "logmel8k": _audio(
        AudioRecipe(sample_rate=8000, window=200, hop=80, n_fft=256, fmax=3800.0, stride=80),
    ),
    # One second of samples, a window each 100 ms.
    "waveform16k": _audio(AudioRecipe(feature="waveform", samples=16000, stride=1600)),
    # Ultralytics' detectors: letterbox in grey 114, 0..1.
    "yolo": _image("detection", OutputCard(decode="raw"), ImageRecipe(resize="letterbox")),
}
"""Name -> card."""


def preset(name: str) -> ModelCard:
    """The card of that name.

    Raises:
        InputError: there is none; the message lists the names.
    """
    if name not in PRESETS:
        raise InputError(f"preset: expected one of {', '.join(PRESETS)}; found {name!r}")
    return PRESETS[name]
