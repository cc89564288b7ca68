"""Speech made and heard again: 40 sentences with numbers, times and money -> hibari -> Moonshine, on one thread.

    pip download --no-deps hibari-tts==0.2.1 && unzip hibari_tts-0.2.1-py3-none-any.whl -d /tmp/hibari
    pip install whisper-normalizer
    python -m benchmarks voice --package /tmp/hibari

What is seen: whether every number, time and amount is spoken as `voice_sentences.tsv` says (its phonemes, against
those that the package's own reader gives for the written-out words), and which of them Moonshine hears wrongly; how
many words it hears wrongly, both sides normalised by Whisper's normaliser for English; time per second of sound; how
soon the first of three sentences is there; and how far the waveform is from the package's own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import edgemm
from benchmarks.shared import find
from edgemm.media import Text
from edgemm.onnx_runtime import onnx_runtime
from edgemm.preprocess.resample import resample
from edgemm.session import NO_CLOCK
from edgemm.tasks.voice.harmonics import Harmonics

ACOUSTIC, SYMBOLS = "models/speech/hibari_heart.onnx", "models/speech/hibari_vocab.json"
ENCODER, DECODER = (
    "models/speech/moonshine_tiny_en_encoder.ort",
    "models/speech/moonshine_tiny_en_decoder.ort.gz",
)
TOKENIZER = "models/speech/moonshine_tiny_en_tokenizer.bin"
SENTENCES = Path(__file__).with_name("voice_sentences.tsv")
RATE, HEARD_RATE = 24_000, 16_000
MAX_WRONG_PLACES, MAX_WRONG_WORDS, MAX_REAL_TIME, MAX_FIRST, MIN_SNR_DB = 2, 0.08, 0.1, 0.5, 50.0
RECIPE = {
    "language": "en-us",
    "sample_rate": RATE,
    "begin": [0],
    "end": [0],
    "speed_input": "speed",
    "waveform": "harmonics",
}
_WEAK = {
    "a": "ɐ",
    "an": "ɐn",
    "the": {"DEFAULT": "ðə", "VOWEL": "ði"},
    "to": {"DEFAULT": "tə", "VOWEL": "tʊ", "PAUSE": "tu"},
    "in": {"DEFAULT": "ɪn", "PAUSE": "ˈɪn"},
}
"""Small words as this voice was taught to say them."""
_CASES = {"None": "PAUSE", "VBD": "PAST", "VBN": "PAST", "VBP": "PAST"}
_KEPT = ("DEFAULT", "NOUN", "VERB", "ADJ", "PAST", "PAUSE")
Samples = npt.NDArray[np.float32]


def run(options: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows; none where models or package are missing, which is said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--package", type=Path, help="folder that the wheel of hibari-tts 0.2.1 is unpacked in"
    )
    package = parser.parse_args(list(options)).package
    shared = find(ACOUSTIC, SYMBOLS, ENCODER, DECODER, TOKENIZER)
    if shared is None or package is None:
        print(json.dumps({"skipped": "voice needs EDGEMM_SHARED and --package"}))
        return []
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_folder(Path(scratch) / "hibari", shared, package / "hibari" / "assets")
        with edgemm.load(folder, threads=1) as voice:
            sentences = read_sentences()
            spoken = speak(voice, [written for written, _ in sentences])
            return [
                phonemes_row(voice, sentences, package),
                *heard_rows(sentences, spoken, Moonshine(shared, Path(scratch))),
                time_row(spoken),
                first_row(voice),
                waveform_row(voice, package),
            ]


def write_folder(folder: Path, shared: Path, assets: Path) -> Path:
    """The bundle "hibari" as a folder.

    Args:
        shared: with the acoustic network and its symbols.
        assets: of the package: lexicon and letter tables of American English, and their network.
    """
    folder.mkdir(parents=True)
    words: dict[str, Any] = {}
    for kind in ("silver", "gold"):
        with gzip.open(assets / f"lexicon_us_{kind}.json.gz") as file:
            words |= {word: entry for word, said in json.load(file).items() if (entry := _entry(said))}
    for name, content in {
        "acoustic.onnx": (shared / ACOUSTIC).read_bytes(),
        "letters.onnx": (assets / "oov.onnx").read_bytes(),
        "letters.json": (assets / "oov.json").read_bytes(),
        "symbols.json": (shared / SYMBOLS).read_bytes(),
        "lexicon.json.gz": gzip.compress(json.dumps(words | _WEAK, ensure_ascii=False).encode(), mtime=0),
    }.items():
        (folder / name).write_bytes(content)
    card = {
        "schema": "edgemm.bundle/1",
        "name": "hibari",
        "version": "1",
        "licence": "Apache-2.0",
        "task": "audio",
        "driver": "voice",
        "voice": RECIPE,
        "parts": {
            "acoustic": {"file": "acoustic.onnx", "card": {"task": "tensors"}},
            "letters": {"file": "letters.onnx", "card": {"task": "tensors"}},
        },
        "assets": {
            "symbols": {"file": "symbols.json"},
            "lexicon": {"file": "lexicon.json.gz"},
            "letters": {"file": "letters.json"},
        },
    }
    (folder / "bundle.json").write_text(json.dumps(card, indent=1))
    return folder


def _entry(said: Any) -> Any:
    """An entry of the package as one of the asset `lexicon`, in the symbols that the network was taught: "T" for a
    flapped t; None where it says nothing."""
    if not isinstance(said, dict):
        return said.replace("ɾ", "T").replace("ʔ", "t")
    cases = {_CASES.get(case, case): _entry(each) for case, each in said.items() if each}
    return {case: cases[case] for case in _KEPT if case in cases} if cases.get("DEFAULT") else None


def read_sentences() -> list[tuple[str, str]]:
    """As they are written, and as they are spoken with braces around what was a number, time or amount."""
    rows = [line.split("\t") for line in SENTENCES.read_text(encoding="utf-8").splitlines()]
    return [(written, spoken) for written, spoken in rows]


def places(spoken: str) -> list[str]:
    """What stands in braces."""
    return re.findall(r"\{([^}]*)\}", spoken)


def plain(spoken: str) -> str:
    """Without braces."""
    return spoken.replace("{", "").replace("}", "")


def speak(voice: Any, texts: Sequence[str]) -> list[tuple[Samples, float]]:
    """The sound of each, and seconds of processor time that it took."""
    voice("One sentence to warm up.")
    found = []
    for text in texts:
        before = time.process_time()
        sound = voice(text)
        found.append((sound.samples, time.process_time() - before))
    return found


def phonemes_row(voice: Any, sentences: list[tuple[str, str]], package: Path) -> dict[str, Any]:
    """Whether the phonemes of each place are those that the package's reader gives for its words, in this order."""
    reader = _reader(package)
    with closing(voice.session()) as session:
        wrong = []
        for written, spoken in sentences:
            said = _bare(" ".join(session.phonemes(written)))
            at = 0
            for place in places(spoken):
                wanted = _bare(reader(place.replace("A M", "a.m.")))  # it takes the letter for the article
                found = said.find(wanted, at)
                if found < 0:
                    wrong.append({"place": place, "wanted": wanted, "said": said})
                else:
                    at = found + len(wanted)
    count = sum(len(places(spoken)) for _, spoken in sentences)
    return _row("places that are not spoken as written out", len(wrong), 0, {"places": count, "wrong": wrong})


def _reader(package: Path) -> Callable[[str], str]:
    """The package's own, for American English; its normalisation of numbers has nothing to do: there are only words."""
    sys.path.insert(0, str(package))
    try:
        from hibari.g2p import G2P  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    reader: Callable[[str], str] = G2P(british=False)
    return reader


def _bare(phonemes: str) -> str:
    """Sounds alone: stress, pauses and spaces left out, and two signs for one weak vowel made one."""
    return re.sub('[ˈˌ.,;:!?—…“”"() ]', "", phonemes).replace("ᵻ", "ɪ")


def heard_rows(
    sentences: list[tuple[str, str]], spoken: list[tuple[Samples, float]], ears: Moonshine
) -> list[dict[str, Any]]:
    """Places and words that are heard wrongly."""
    wrong_places, wrong_words, words, said = 0, 0, 0, []
    for (_, reference), (samples, _) in zip(sentences, spoken, strict=True):
        heard = ears(np.asarray(resample(samples, RATE, HEARD_RATE)))
        wanted, found = _normal(plain(reference)), _normal(heard)
        errors = _distance(wanted, found)
        missed = [each for each in places(reference) if not _holds(found, _normal(each))]
        wrong_places, wrong_words, words = (
            wrong_places + len(missed),
            wrong_words + errors,
            words + len(wanted),
        )
        if errors:
            said.append({"wanted": " ".join(wanted), "heard": " ".join(found), "missed": missed})
    return [
        _row("numbers, times and amounts heard wrongly", wrong_places, MAX_WRONG_PLACES, {}),
        _row("words heard wrongly", wrong_words / words, MAX_WRONG_WORDS, {"words": words, "wrong": said}),
    ]


def _normal(text: str) -> list[str]:
    """The words of a text by Whisper's normaliser, with numbers as digits whichever way they were written."""
    from whisper_normalizer.english import EnglishTextNormalizer  # type: ignore[import-not-found]

    text = re.sub(r"(\d):(\d\d)|(\d)\.(\d\d)(?=\s?[ap]\.?m)", r"\1\2\3\4", text, flags=re.IGNORECASE)
    text = re.sub(r"(\d{3})-(\d{4})", r"\1\2", text)
    normalised = re.sub(r"(\d) s\b", r"\1s", EnglishTextNormalizer()(text))
    return normalised.split()


def _holds(words: list[str], part: list[str]) -> bool:
    return any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1))


def _distance(wanted: list[str], found: list[str]) -> int:
    """Words to be replaced, left out or added (Levenshtein 1966)."""
    row = list(range(len(found) + 1))
    for at, word in enumerate(wanted, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(found, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


def time_row(spoken: list[tuple[Samples, float]]) -> dict[str, Any]:
    """Processor time per second of sound, all sentences together."""
    sound_s = sum(len(samples) for samples, _ in spoken) / RATE
    return _row("time of speaking, per second of sound", sum(each for _, each in spoken) / sound_s, MAX_REAL_TIME,
                {"sound_s": sound_s})  # fmt: skip


def first_row(voice: Any) -> dict[str, Any]:
    """When the first of three like sentences is there, as a part of when all are; the median of nine."""
    text = "The train leaves at 7:30 pm. The train stops at 8:45 pm. The train ends at 9:15 pm."
    ratios = []
    with closing(voice.session()) as session:
        for number in range(9):
            begin = time.perf_counter()
            times = [time.perf_counter() - begin for _ in session.feed(Text(text, 0, number), NO_CLOCK)]
            assert len(times) == 3
            ratios.append(times[0] / times[-1])
    return _row("first of three sentences, part of the time of all", float(np.median(ratios)), MAX_FIRST, {})


def waveform_row(voice: Any, package: Path) -> dict[str, Any]:
    """Our waveform against the package's, of the same spectrum and the same draws of noise: SNR in dB."""
    sys.path.insert(0, str(package))
    try:
        from hibari import dsp  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    harmonics = Harmonics(RATE, 1200, 300, highest_hz=11_000, voiced_hz=40)
    ids = json.loads(voice.bundle.asset("symbols"))
    worst, like = np.inf, 1.0
    with closing(voice.session()) as session, closing(voice.part("acoustic")) as part:
        for written, _ in read_sentences()[:10]:
            (phonemes,) = session.phonemes(written)
            row = np.array([[0, *(ids[each] for each in phonemes), 0]])
            outputs = part.step({"ids": row, "speed": np.ones(1, np.float32)})
            spectrum = [np.array(outputs.real(name)[0]) for name in ("lh", "theta", "ln", "lr", "phi", "f0")]
            ours = harmonics(spectrum, np.random.default_rng(1))
            theirs = dsp.synth(*(each.copy() for each in spectrum), np.random.default_rng(1))
            worst = min(worst, 10 * np.log10(np.sum(theirs**2) / np.sum((ours - theirs) ** 2)))
            like = min(like, float(np.corrcoef(ours, theirs)[0, 1]))
    found = _row("waveform against the package's, dB", float(worst), MIN_SNR_DB, {"correlation": like})
    return found | {"ok": bool(worst >= MIN_SNR_DB)}


def _row(name: str, found: float, limit: float, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"voice: {name}",
        "ratio": found,
        "limit": limit,
        "ok": found <= limit,
        "details": details,
    }


class Moonshine:
    """Its two networks and their loop, greedy: what is said in a recording of 16 kHz."""

    BEGIN, END = 1, 2

    def __init__(self, shared: Path, scratch: Path) -> None:
        ort = onnx_runtime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        decoder = scratch / "decoder.ort"
        decoder.write_bytes(gzip.decompress((shared / DECODER).read_bytes()))
        self._encoder, self._decoder = (
            ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            for path in (shared / ENCODER, decoder)
        )
        self._tokens = _tokens((shared / TOKENIZER).read_bytes())

    def __call__(self, samples: Samples) -> str:
        mask = np.ones((1, len(samples)), np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})
        inputs = [each.name for each in self._decoder.get_inputs()]
        outputs = [each.name for each in self._decoder.get_outputs()]
        caches = {name: np.zeros((1, 8, 0, 36), np.float32) for name in inputs if name.startswith("past")}
        token, said = self.BEGIN, []
        for step in range(max(16, len(samples) * 7 // HEARD_RATE)):
            feeds = {
                "input_ids": np.array([[token]], np.int64),
                "encoder_hidden_states": hidden,
                "encoder_attention_mask": mask,
                "use_cache_branch": np.array([step > 0]),
                **caches,
            }
            logits, *given = self._decoder.run(None, feeds)
            for name, value in zip(outputs[1:], given, strict=True):
                if step == 0 or ".encoder." not in name:
                    caches[name.replace("present", "past_key_values")] = value
            token = int(logits[0, -1].argmax())
            if token == self.END:
                break
            said.append(token)
        return (
            b"".join(self._tokens[each] for each in said).decode("utf-8", "replace").replace("▁", " ").strip()
        )


def _tokens(content: bytes) -> list[bytes]:
    """Each with its length before it, in one byte or two."""
    found, at = [], 0
    while at < len(content):
        length, at = content[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * content[at], at + 1
        found.append(content[at : at + length])
        at += length
    return found
