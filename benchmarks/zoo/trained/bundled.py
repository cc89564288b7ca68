"""Networks that come with edgemm: written digits, spoken words, strings of spoken words."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.zoo.trained import measures
from benchmarks.zoo.trained.network import Array, Data, Network, Run, labelled
from edgemm import data
from edgemm.artifact import read_artifact
from edgemm.card import AudioRecipe, ModelCard
from edgemm.judge import metric
from edgemm.preprocess.logmel import logmel
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tensors import TensorSpec

MNIST, SPOKEN = "data/mnist10k", "data/fsdd"
DIGITS, WORDS, STRINGS = (f"models/{name}.onnx" for name in ("digits", "keywords", "digits_ctc"))
CALIBRATE = 256
HELD_OUT_STRINGS, SEED = 100, 7
"""Of the speaker whom neither training nor calibration heard."""
KNOWN_STRINGS, GATE_STRINGS = 10, 40
"""Of each of four others, and of one."""


def _card(name: str) -> ModelCard:
    card = read_artifact(data.path(name)).card
    assert card is not None
    return card


def _recipe(name: str) -> AudioRecipe:
    recipe = _card(name).inputs[0].audio
    assert recipe is not None
    return recipe


def _digits(root: Path) -> Data:
    """Pictures of the package that are not among the 1,000 held out calibrate."""

    def fed(picture: Array) -> dict[str, Array]:
        return {"image": picture[None, None].astype(np.float32) / np.float32(255)}

    held, labels = data.digits()
    known = {each.tobytes() for each in held}
    with np.load(root / MNIST / "mnist10k.npz") as stored:
        pairs = zip(stored["images"], stored["labels"], strict=True)
        others = [(fed(each), int(label)) for each, label in pairs if each.tobytes() not in known]
    samples = [fed(each) for each in held]
    calibrate, judged = others[:: len(others) // CALIBRATE], others[7 :: len(others) // CALIBRATE]
    return Data(
        ([each for each, _ in calibrate[:CALIBRATE]],),
        (samples,),
        measures.accuracy(samples, [int(each) for each in labels]),
        labelled([each for each, _ in judged], [label for _, label in judged]),
    )


def _words(root: Path) -> Data:
    """Speakers that were trained with calibrate, one more is for the gate, and two are held out."""
    _find_examples()
    from keyword_network import centred
    from speakers import Recording, split_speakers

    recipe, split = _recipe(WORDS), split_speakers(root / SPOKEN)

    def fed(recording: Recording) -> dict[str, Array]:
        return {"sound": logmel(centred(recording.samples()), recipe)[None, None]}

    held = [fed(each) for each in split.test]
    judge = measures.accuracy(held, [each.digit for each in split.test])
    calibrate = [fed(each) for each in split.train[:: len(split.train) // CALIBRATE]][:CALIBRATE]
    gate = labelled([fed(each) for each in split.validation], [each.digit for each in split.validation])
    return Data((calibrate,), (held,), judge, gate)


def _strings(root: Path) -> Data:
    """Strings of four speakers calibrate, those of a fifth are for the gate, and those of the sixth are held out."""
    import soundfile

    _find_examples()
    from speakers import recordings_in
    from spoken_strings import SpokenString, spoken_strings

    recipe, recordings = _recipe(STRINGS), recordings_in(root / SPOKEN)
    *others, held_out = sorted({each.speaker for each in recordings})

    def said_by(speaker: str, count: int, seed: int = SEED) -> list[SpokenString]:
        return spoken_strings([each for each in recordings if each.speaker == speaker], count, seed)

    def windows(string: SpokenString) -> list[dict[str, Array]]:
        return _windows(logmel(np.pad(string.samples, (0, recipe.sample_rate // 2)), recipe), recipe.frames)

    known = [each for speaker in others[1:] for each in said_by(speaker, KNOWN_STRINGS)]
    held = said_by(held_out, HELD_OUT_STRINGS)
    heard = [windows(each) for each in held]

    def judge(runs: Sequence[Run], sources: Sequence[Run]) -> float:
        errors = metric("transcription")
        for string, parts in zip(held, heard, strict=True):
            errors.add(_written([runs[0](each)[0][0] for each in parts]), string.text)
        return 1.0 - float(errors.value())

    def write(path: Path) -> Path:
        """Recordings of a fifth speaker, with what is said in them."""
        folder = path.with_suffix("")
        folder.mkdir(exist_ok=True)
        for number, each in enumerate(said_by(others[0], GATE_STRINGS, SEED + 1)):
            soundfile.write(folder / f"{number}.wav", each.samples, recipe.sample_rate)
            (folder / f"{number}.txt").write_text(each.text)
        return folder

    calibrate = [each for one in known for each in windows(one)]
    return Data((calibrate,), ([each for parts in heard for each in parts],), judge, write)


def _windows(frames: Array, length: int) -> list[dict[str, Array]]:
    """Of half a window each; the last one ends with the quietest frame of the sound, again and again."""
    half = length // 2
    missing = max(0, length - len(frames)) or -(len(frames) - length) % half
    quiet = frames[frames.mean(axis=1).argmin()]
    whole = np.concatenate([frames, np.tile(quiet, (missing, 1))]).astype(np.float32)
    return [{"sound": whole[None, at : at + length]} for at in range(0, len(whole) - length + 1, half)]


def _written(scores: Sequence[Array]) -> str:
    """What a device writes down, in one go: a frame hangs on 65 before it, so the second half of a window, but of the
    first window all, is as if there were no windows."""
    half = len(scores[0]) // 2
    joined = np.concatenate([scores[0], *(each[half:] for each in scores[1:])])[None].astype(np.float32)
    card = _card(STRINGS)
    from edgemm.card.tasks import find_task

    task = find_task(card.task)
    assert task is not None
    specs = (TensorSpec(card.outputs[0].name, joined.shape, "float32"),)
    outputs = Outputs.of(specs, {specs[0].name: joined})
    found = task.open(card, card.recipe, specs).whole([outputs], Context(), 0.0)
    return str(found.text)


def _find_examples() -> None:
    folder = str(Path(__file__).parents[3] / "examples" / "train")
    if folder not in sys.path:
        sys.path.append(folder)


BUNDLED = (
    Network(
        "digits", (str(data.path(DIGITS)),), (MNIST,), "accuracy of written digits, 1,000 pictures", _digits,
        weighed=True,
    ),
    Network(
        "words", (str(data.path(WORDS)),), (SPOKEN,), "accuracy of spoken digits, 1,000 recordings of two speakers",
        _words, weighed=True,
    ),
    Network(
        "strings", (str(data.path(STRINGS)),), (SPOKEN,), "words right in 100 strings of spoken digits of one speaker",
        _strings, shapes={"sound": (1, 200, 24)}, weighed=True,
    ),
)  # fmt: skip
