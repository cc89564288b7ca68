"""What the demo does, in order: convert, measure, run inside a budget, make pictures, judge, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edgemm
from edgemm.cli.demo import later
from edgemm.cli.demo.chain_film import ChainRun, run_chain
from edgemm.cli.demo.devices import HOP_BUDGET_MS, PICTURE_BUDGET_MS, Tried, try_devices
from edgemm.cli.demo.judgement import judge_digits
from edgemm.cli.demo.live import LiveRun, run_pictures, run_speech
from edgemm.cli.demo.made import Generated, Larger, enlarge, filter_picture, generate
from edgemm.cli.demo.measure import Variant, measure_digits, measure_keywords
from edgemm.cli.demo.pages import write_report
from edgemm.cli.demo.reading import ReadPage, read_page
from edgemm.cli.demo.scene_film import run_film
from edgemm.cli.demo.strings import WrittenDown, write_down
from edgemm.cli.demo.vision import NETWORKS, SceneVariant, measure_detector, measure_segmenter
from edgemm.cli.output import size, table

Progress = Callable[[str, int, int], None]
FILM_BUDGET_MS = 66.0
"""The film has 15 pictures a second."""
STRING_BUDGET_MS = 150.0
"""The recogniser hears in steps of 80 ms, and its labels lag behind."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the demo found."""

    report: Path
    digits: tuple[Variant, ...]
    keywords: tuple[Variant, ...]
    scenes: tuple[SceneVariant, ...]
    """The detector's files, then the segmenter's."""
    films: tuple[LiveRun, ...]
    """Detector and segmenter on a film."""
    pictures: LiveRun
    speech: LiveRun
    strings: WrittenDown
    chain: ChainRun
    reading: tuple[ReadPage, ...]
    larger: Larger
    generated: Generated
    judged: dict[str, Any]
    """The digits network in float and int8, as `edgemm judge` tells it."""
    devices: tuple[Tried, ...]
    """The camera and the microphone that were asked for, or found."""
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "report": str(self.report),
            "seconds": round(self.seconds, 1),
            "models": [
                *(variant.to_json() for variant in (*self.digits, *self.keywords)),
                *(scene.to_json() for scene in self.scenes),
            ],
            "streams": [
                *(run.to_json() for run in (*self.films, self.pictures, self.speech)),
                self.strings.to_json(),
            ],
            "chain": self.chain.to_json(),
            "reading": [each.to_json() for each in self.reading],
            "super_resolution": self.larger.to_json(),
            "generated": self.generated.to_json(),
            "judgement": self.judged,
            "devices": [each.to_json() for each in self.devices],
        }

    def text(self) -> str:
        """The findings for a terminal."""
        rows = [
            (
                v.name,
                v.format,
                v.scheme,
                size(v.size_bytes),
                f"{v.accuracy:.1%}",
                f"{v.agreement:.1%}",
                f"{v.latency_ms:.3f}",
            )
            for v in (*self.digits, *self.keywords)
        ]
        header = ("model", "format", "scheme", "size", "accuracy", "same as float", "ms")
        scenes = [
            (
                v.name,
                v.format,
                v.scheme,
                size(v.size_bytes),
                f"{v.figure} {v.score:.3f}",
                f"{v.kept:.1%}",
                f"{v.latency_ms:.3f}",
            )
            for v in self.scenes
        ]
        lines = [table(rows, header), "", table(scenes, (*header[:4], "quality", "kept of float", "ms")), ""]
        for run in (
            *self.films,
            self.pictures,
            self.speech,
            self.strings.run,
            self.chain.run,
            *(each.run for each in self.devices if each.run),
        ):
            s = run.summary
            lines.append(
                f"{run.name}: {s['results']} results, {s['late']} late, {sum(s['dropped'].values())} dropped; "
                f"age p50 {_ms(s['p50_ms'])}, p99 {_ms(s['p99_ms'])}, budget {run.budget_ms:g} ms"
            )
        words = " ".join(word for _, word in self.speech.heard)
        lines += [f"{each.uri}: {each.trouble}" for each in self.devices if each.trouble]
        lines += [
            f"heard: {words}",
            f"written down: {', '.join(self.strings.written)}",
            f"chain: {self.chain.tally.read} of {self.chain.tally.true} digits of a film found and read",
            f"text: {' and '.join(f'{each.exact} of {len(each.lines)} lines {each.about}' for each in self.reading)}",
            f"twice as large: {self.larger.network_db:.2f} dB, bicubic {self.larger.bicubic_db:.2f} dB",
            f"digits by label: {self.generated.right} of {self.generated.count} read as their label",
            f"report: {self.report}  ({self.seconds:.0f} s)",
        ]
        return "\n".join(lines)


def _ms(value: float | None) -> str:
    """A run without results has none."""
    return "-" if value is None else f"{value:.2f} ms"


def tell(folder: str | Path, progress: Progress, *, camera: str = "auto", microphone: str = "auto") -> Told:
    """Runs the whole demo; models and the report page are written to `folder`.

    Args:
        camera: what to look through beside the bundled pictures: a source, "none", or "auto": the first there is.
        microphone: what to listen to beside the bundled words, likewise.
    """
    began = time.monotonic()
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    digits = measure_digits(where, progress)
    keywords = measure_keywords(where, progress)
    scenes = measure_detector(where, progress) + measure_segmenter(where, progress)
    budget = edgemm.Budget(FILM_BUDGET_MS)
    films = tuple(run_film(where / f"{name}.int8.tflite", budget, where, progress) for name in NETWORKS)
    pictures = run_pictures(where / "digits.int8.tflite", edgemm.Budget(PICTURE_BUDGET_MS), progress)
    speech = run_speech(where / "keywords.int8.tflite", edgemm.Budget(HOP_BUDGET_MS), where, progress)
    strings = write_down(edgemm.Budget(STRING_BUDGET_MS), where, progress)
    chain = run_chain(
        where / "scene_detector.int8.tflite", where / "digits.int8.tflite", budget, where, progress
    )
    reading = read_page(progress)
    larger, generated = enlarge(progress), generate(progress)
    judged = judge_digits(where, progress)
    devices = try_devices(where, camera, microphone, progress)
    report = where / "report.html"
    more = (
        *later.chain(chain),
        later.reading(reading),
        later.larger(larger),
        later.generated(generated),
        later.filtered(filter_picture()),
        later.judged(judged),
    )
    write_report(
        report, digits, keywords, scenes, films, pictures, speech, strings, devices, more, (chain.run,)
    )
    return Told(
        report, digits, keywords, scenes, films, pictures, speech, strings, chain, reading, larger, generated, judged,
        devices, time.monotonic() - began,
    )  # fmt: skip
