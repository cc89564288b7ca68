"""Opens a door when the right picture is seen and the right word is heard: camera, microphone, two models.

    python examples/first_project.py out/demo/digits.int8.tflite out/demo/keywords.int8.tflite \
        --camera camera:0 --microphone microphone: --see 7 --word seven

Any classifier and any keyword model will do: `--see person` with one that detects whether a person is present.
"""

from __future__ import annotations

import argparse
import signal

import edgemm
from edgemm import data


def main() -> None:
    """One line for each sight, word and opening; then the account of every frame and sample."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture_model", help="an artifact that classifies pictures")
    parser.add_argument("word_model", help="an artifact that spots keywords")
    parser.add_argument("--camera", default=f"{data.path('digits')}?fps=5", help="a source of pictures")
    parser.add_argument("--microphone", default=f"{data.path('spoken_digits')}?pause_ms=600")
    parser.add_argument("--see", default="7", help="class that must be seen")
    parser.add_argument("--word", default="seven", help="word that must be heard")
    parser.add_argument("--within", type=float, default=10.0, metavar="S", help="seconds between the two")
    options = parser.parse_args()
    seen_s = float("-inf")
    with (
        edgemm.load(options.picture_model) as eyes,
        edgemm.load(options.word_model) as ears,
        edgemm.open_source(options.camera, pace="live") as camera,
        edgemm.open_source(options.microphone, pace="live") as microphone,
        edgemm.Runner() as runner,
    ):
        runner.add("seen", eyes, camera, edgemm.Budget(max_age_ms=100, on_late="drop"))
        runner.add("heard", ears, microphone, edgemm.Budget(max_age_ms=100))
        signal.signal(signal.SIGINT, lambda *_: runner.stop())  # Ctrl-C: what was seen and heard still counts
        for _, item in runner:
            answer, now_s = item.value, item.captured_ns / 1e9
            if isinstance(answer, edgemm.Classification):
                if answer.label == options.see and answer.score > 0.8:
                    seen_s = now_s
                    print(f"seen   {answer.label}  {answer.score:.0%}  {item.age_ms:.1f} ms old")
            elif isinstance(answer, edgemm.Keyword) and answer.detected:
                print(f"heard  {answer.label}  {answer.score:.0%}  {item.age_ms:.1f} ms old")
                if answer.label == options.word and abs(now_s - seen_s) < options.within:
                    print("open")
        for name, account in runner.summary().items():
            lost = sum(account["dropped"].values())
            print(f"{name}: {account['captured']} captured, {account['delivered']} delivered, {lost} dropped")


if __name__ == "__main__":
    main()
