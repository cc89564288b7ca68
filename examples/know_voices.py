"""Says who speaks: enrols people from recordings, then names the voice in each second of sound.

python examples/know_voices.py speaker.onnx --preset voicefilter-speaker --enrol anna=anna/ ben=ben/
python examples/know_voices.py speaker.onnx --preset voicefilter-speaker --source microphone:
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import edgemm


def embeddings(model: edgemm.Model, folder: str) -> list[edgemm.Embedding]:
    """One for each .wav file of a folder."""
    found = []
    for path in sorted(Path(folder).glob("*.wav")):
        with edgemm.open_source(str(path)) as source:
            blocks = [each for each in iter(source.read, None) if isinstance(each, edgemm.AudioBlock)]
        made = model(np.concatenate([each.samples for each in blocks]), sample_rate=blocks[0].sample_rate)
        assert isinstance(made, edgemm.Embedding)
        found.append(made)
    if not found:
        raise SystemExit(f"{folder}: expected a folder with .wav files, found none")
    return found


def main() -> None:
    """Enrols, or listens."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", help="makes an embedding of sound")
    parser.add_argument("--preset", help="the card of a model that has none")
    parser.add_argument("--voices", default="voices.json", help="the file of those that are enrolled")
    parser.add_argument("--threshold", type=float, default=0.62, help="edgemm.judge.fit_threshold finds one")
    parser.add_argument("--enrol", nargs="+", default=[], metavar="NAME=FOLDER", help="with .wav files")
    parser.add_argument("--source", help=".wav or microphone:")
    options = parser.parse_args()
    if not (options.enrol or options.source) or any("=" not in each for each in options.enrol):
        parser.error("expected --enrol NAME=FOLDER, --source URI, or both")
    with edgemm.load(options.model, card=options.preset) as model:
        if options.enrol:
            voices = edgemm.Enrolled(options.threshold, model.artifact.sha256())
            for name, _, folder in (each.partition("=") for each in options.enrol):
                voices.enrol(name, found := embeddings(model, folder))
                print(f"{name}: {len(found)} recordings")
            voices.save(options.voices)
        if options.source:
            listener = model.then(edgemm.Enrolled.load(options.voices))
            with edgemm.open_source(options.source) as source, listener.stream(source) as stream:
                for item in stream:
                    who: Any = item.value
                    print(f"{who.label if who.detected else 'nobody known'} ({who.score:.2f})")


if __name__ == "__main__":
    main()
