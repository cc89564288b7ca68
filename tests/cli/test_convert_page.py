"""The page about a conversion shows where accuracy went and what was mended."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import edgemm
from benchmarks.collapse import converted, head, parsed
from edgemm import data
from edgemm.card import ModelCard
from edgemm.cli import main
from edgemm.cli.candidates import candidate_rows
from edgemm.cli.convert_page import losses, write_page
from edgemm.cli.demo.report import table
from edgemm.cli.next_steps import next_steps
from edgemm.cli.output import fidelity_rows, of_source
from edgemm.converters import convert
from edgemm.converters.conversion import Conversion
from edgemm.converters.diagnose import Diagnosis, LayerLoss
from edgemm.converters.examples import Answer, Example, Examples
from edgemm.converters.fidelity import Fidelity, OutputFidelity
from edgemm.converters.pipeline.used_data import UsedData
from edgemm.converters.shared_scales import SharedScale
from edgemm.instructions import instructions

SOURCE = data.path("models/digits.onnx")
PICTURES = data.path("digits")


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_command_tells_all_of_a_conversion(tmp_path: Path, suffix: str) -> None:
    page = tmp_path / "page.html"
    command = ["convert", str(SOURCE), "-o", str(tmp_path / f"d.{suffix}"), "--calibrate", str(PICTURES)]
    assert main([*command, "--scheme", "static", "--report", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    for each in (
        "Holds the gate", "Size and latency", "of the predicted time", "of the noise",
        "are answered as by the source", "What to do next",
        "What was decided", shlex.join(["edgemm", *command]), edgemm.__version__, str(instructions()),
    ):  # fmt: skip
        assert each in text.replace("&#x27;", "'"), each
    told = edgemm.artifact.read_artifact(tmp_path / f"d.{suffix}").card
    assert told is not None
    assert told.quantization["calibration"]["samples"] == 30
    assert told.quantization["calibration"]["sha256"][:16] in text
    for drawing in drawings(text):
        assert drawing.find("title") is not None
        assert drawing.find("desc") is not None


def drawings(text: str) -> list[ElementTree.Element]:
    """Every picture of a page, which is well-formed."""
    return [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


class _Outline(HTMLParser):
    """Open tags, what is run or fetched, and captions of tables."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tables = self.captions = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        outside = [given[key] or "" for key in ("src", "href") if key in given]
        if tag in ("script", "iframe", "link") or any(key.startswith("on") for key in given):
            self.wrong.append(tag)
        self.wrong += [each for each in outside if not each.startswith("data:")]
        if tag == "img" and not given.get("alt"):
            self.wrong.append("img without alt")
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if tag not in ("meta", "br", "img", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


def outline(text: str) -> _Outline:
    found = _Outline()
    found.feed(text)
    return found


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Conversion:
    """A classifier whose int8 answers are others, with names that would run if they were not escaped."""
    folder = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((8, 3, 3, 3)).astype(np.float32),
        "v": (rng.standard_normal((1, 8)) + 1e-3 * rng.standard_normal((4, 8))).astype(np.float32),
    }
    model = parsed(
        """g (float[1,3,8,8] x) => (float[1,4] y) { a = Conv(x, w) r = Relu(a) p = GlobalAveragePool(r)
            f = Flatten(p) y = Gemm<transB=1>(f, v) }""",
        **weights,
    )
    model.graph.outputs[0].name = HOSTILE
    card = {
        "schema": "edgemm.card/1", "name": HOSTILE, "task": "classification",
        "labels": [f"{HOSTILE} {number}" for number in range(4)],
        "inputs": [{"modality": "image", "image": {"mean": [127.5], "std": [127.5], "scale": 1.0}}],
        "outputs": [{"decode": "logits"}],
    }  # fmt: skip
    pictures = rng.integers(0, 256, (80, 1, 3, 8, 8)).astype(np.float32)
    given = [(each - np.float32(127.5)) / np.float32(127.5) for each in pictures]
    return convert(
        model, output=folder / "made.onnx", calibrate=given[:40], evaluate=given[40:], gate="warn", repair="off",
        card=ModelCard.from_json(json.dumps(card)), scheme="static", explain=True,
    )  # fmt: skip


def test_no_name_is_run(hostile: Conversion, tmp_path: Path) -> None:
    assert hostile.examples.changed > 0, "or nothing is tested"
    done: Any = With(hostile, candidates=candidates(hostile), node_us={}, notes=(HOSTILE,))
    write_page(tmp_path / "page.html", done, ["edgemm", HOSTILE])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img src=x" not in text
    found = outline(text)
    assert (found.wrong, found.open) == ([], [])
    assert found.tables == found.captions > 4
    assert text.count("<figure>") == min(hostile.examples.changed, 12)
    assert "of 40 samples are answered otherwise" in text
    drawings(text)


class With:
    """A conversion with other values in some fields."""

    def __init__(self, done: Conversion, **others: Any) -> None:
        self.__dict__.update(others)
        self._done = done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._done, name)


def candidates(done: Conversion) -> tuple[Any, ...]:
    def one(form: str, ms: float, held: bool | None, **others: Any) -> Any:
        kept = None if held is None else done.fidelity
        values = {
            "latency": None,
            "size_bytes": 10,
            "size_is_estimated": form == "dynamic",
            "fidelity": kept,
            "chosen": False,
            "why": f"{form}: {HOSTILE}",
        }
        return SimpleNamespace(form=form, predicted_us=ms * 1000, held=held, **{**values, **others})

    return (
        one("static", 1.5, True, chosen=True),
        one("dynamic", 2.5, False),
        one("mixed", 1.25, None),
        one("float", 5, None),
    )


@pytest.mark.parametrize(("right", "kind"), [("a", "miss"), ("b", "ok"), ("", "miss")])
def test_an_answer_that_became_right_is_no_miss(
    hostile: Conversion, tmp_path: Path, right: str, kind: str
) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    one = Example("a/0066.png", Answer("a", 0.6), Answer("b", 0.7), right, pixels)
    write_page(tmp_path / "page.html", replace(hostile, examples=Examples(500, 1, (one,))))
    text = (tmp_path / "page.html").read_text()
    assert f'class="{kind}">a/0066.png: ' in text
    assert "1 of 500 samples are answered otherwise" in text


def test_sizes_that_are_estimates_are_marked(hostile: Conversion, tmp_path: Path) -> None:
    weighed = candidates(hostile)
    write_page(tmp_path / "page.html", replace(hostile, candidates=weighed))
    assert (tmp_path / "page.html").read_text().count("about 10 B") == 1
    assert [row[3] for row in candidate_rows(weighed)] == ["10 B", "about 10 B", "10 B", "10 B"]


def test_forms_are_drawn_over_their_predicted_latency(hostile: Conversion, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", With(hostile, candidates=candidates(hostile), node_us={}))  # type: ignore[arg-type]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    (picture,) = [each for each in drawings(text) if "predicted latency" in str(each.get("aria-label"))]
    told = str(picture.findtext("desc"))
    kept = f"{hostile.fidelity.worst_db:.1f} dB"
    assert told == (
        f"static: 1.5 ms, {kept}, holds the gate, chosen; dynamic: 2.5 ms, {kept}, misses the gate; "
        "mixed: 1.25 ms, not measured; float: 5 ms, exact"
    )
    marks = [each for each in picture.iter() if each.find("title") is not None][1:]
    across = {str(each.findtext("title")).split(":")[0]: float(each.get("cx", "nan")) for each in marks}
    first = across["mixed"] - across["static"]
    assert first / (across["float"] - across["static"]) == pytest.approx((1.25 - 1.5) / (5 - 1.5), abs=0.01)


def test_a_cell_that_is_a_miss_is_escaped_as_others() -> None:
    assert '<td class="miss">&lt;b&gt;</td>' in table([["!<b>"]], ["<i>"])
    assert "<i>" not in table([["!<b>"]], ["<i>"])


def test_forms_that_were_all_measured_are_drawn_over_what_was_measured(
    hostile: Conversion, tmp_path: Path
) -> None:
    timed = tuple(
        SimpleNamespace(**{**vars(each), "latency": replace(hostile.int8_latency, median_ms=ms)})
        for each, ms in zip(candidates(hostile), (4.0, 3.0, 2.0, 1.0), strict=True)
    )
    write_page(tmp_path / "page.html", With(hostile, candidates=timed, node_us={}))  # type: ignore[arg-type]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    (picture,) = [each for each in drawings(text) if "measured here latency" in str(each.get("aria-label"))]
    assert str(picture.findtext("desc")).startswith("static: 4 ms")


def test_a_verdict_of_noise_says_so(hostile: Conversion, tmp_path: Path) -> None:
    for measured_on, told in (("seeded noise", "samples of seeded noise)"), ("photos", "samples)")):
        done: Any = With(hostile, used=UsedData("", 0, "", measured_on, 8))
        write_page(tmp_path / "page.html", done)
        assert told in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_one_form_alone_is_not_drawn(hostile: Conversion, tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", hostile)
    assert "Forms that were weighed" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_missed_gate_stands_at_the_top_with_what_to_do(hostile: Conversion, tmp_path: Path) -> None:
    missed = replace(hostile.fidelity, missed=("output 'y': 3 dB (at least 20)",))
    write_page(tmp_path / "page.html", With(hostile, fidelity=missed))  # type: ignore[arg-type]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (
        text.index("Below the gate")
        < text.index("output &#x27;y&#x27;: 3 dB")
        < text.index("Size and latency")
    )
    assert "Holds the gate" not in text
    assert "The gate was missed." in text[text.index("What to do next") :]


@pytest.mark.parametrize(
    ("predicted", "what"), [({"a": 30.0, "b": 10.0}, "predicted time"), ({}, "multiplications")]
)
def test_the_cost_of_a_layer_is_predicted_time_where_that_is_known(predicted: Any, what: str) -> None:
    found = (LayerLoss("a", "Conv", 30.0, 0.5, 100), LayerLoss("b", "Gemm", 20.0, 0.5, 300))
    (picture,) = drawings(losses(Diagnosis(found, ()), predicted))
    told = str(picture.findtext("desc"))
    shares = ("75.0%", "25.0%") if predicted else ("25.0%", "75.0%")
    assert f"a: {shares[0]} of the {what}, 50.0% of the noise, 30.0 dB" in told
    wide = [float(each.get("width", 0)) for each in picture.iter("rect")][2:]
    assert wide[0] / wide[2] == pytest.approx(3.0 if predicted else 1 / 3, rel=0.01)
    assert wide[1] == wide[3]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"used": UsedData("a", 20, "", "b", 500)}, "The ranges were measured on 20 samples"),
        ({"used": UsedData("a", 400, "", "b", 8)}, "The figures are of 8 samples"),
        ({"used": UsedData("", 0, "", "seeded noise", 8)}, "seeded noise, and say little"),
        ({"int8_latency_ms": 2.0, "float_latency_ms": 1.0}, "2.00 times as long as float"),
        ({"repaired_layers": ("a",)}, "1 layer computes in float again"),
        ({"card": ModelCard(quantization={"weights": "uint8 per channel"})}, "Its weights are u8"),
        ({}, "edgemm bench made.onnx"),
    ],
)
def test_what_to_do_next_depends_on_what_came(hostile: Conversion, fields: Any, told: str) -> None:
    plain = {
        "used": UsedData("a", 400, "0", "b", 500), "int8_latency_ms": 0.5, "float_latency_ms": 1.0,
        "fidelity": replace(hostile.fidelity, missed=()),
    }  # fmt: skip
    said = next_steps(With(hostile, **plain, card=ModelCard()))  # type: ignore[arg-type]
    assert len(said) == 2, "labelled data, and the device"
    assert any(told in each for each in next_steps(With(hostile, **{**plain, "card": ModelCard(), **fields})))  # type: ignore[arg-type]


def test_repairs_are_told_with_their_reason(tmp_path: Path) -> None:
    done = converted(head(), tmp_path / "head.onnx", "auto")
    write_page(tmp_path / "page.html", done)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "scales split (Conv_head)" in text
    assert "scores" in text[text.index("What was repaired") :]


def test_shared_scales_are_told_and_long_lists_cut() -> None:
    layers = tuple(LayerLoss(f"conv{index}", "Conv", 30.0, 1 / 40, 10) for index in range(40))
    shown = losses(Diagnosis(layers, (SharedScale("conv39", "y", 300.0, "channel 4"),)))
    assert "and 16 more layers" in shown
    assert "channel 4 reaches 1/300" in shown
    assert len(list(drawings(shown)[0].iter("g"))) == 24


def test_a_folder_that_is_not_there_is_said_before_any_work(tmp_path: Path) -> None:
    out = tmp_path / "d.tflite"
    command = ["convert", str(SOURCE), "-o", str(out), "--report", str(tmp_path / "no" / "page.html")]
    assert main(command) == 2
    assert not out.exists()


@pytest.mark.parametrize(
    ("made", "told"), [(26, "0.26 of the source"), (100, "1.00 of the source"), (700, "7.0 times the source")]
)
def test_the_size_against_the_source(made: int, told: str) -> None:
    done: Any = SimpleNamespace(size_bytes=made, source_size_bytes=100)
    assert of_source(done) == told


@pytest.mark.parametrize(("snr_db", "told"), [(200.0, "exact"), (199.0, "199.0"), (-200.0, "-200.0")])
def test_no_difference_is_exact(snr_db: float, told: str) -> None:
    assert fidelity_rows(Fidelity(1, (OutputFidelity("y", snr_db, 0.0, 1.0),)))[0][1] == told


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((0.9, None, None), "90.0%"),
        ((0.75, 0.0, 2), "75.0% (0.0% of 2)"),
        ((0.75, 0.9, 20), "75.0%"),
        ((None, None, None), "-"),
    ],
)
def test_the_same_class_is_that_of_all_samples(shares: Any, told: str) -> None:
    all_, besides, rows = shares
    one = OutputFidelity("y", 30.0, 0.0, 1.0, all_, besides_agreement=besides, besides_rows=rows)
    assert fidelity_rows(Fidelity(1, (one,)))[0][3] == told
