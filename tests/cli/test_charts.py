"""The report's pictures are well-formed and say what they were given."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from edgemm.cli.demo import charts

SVG = {
    "confusion": charts.confusion(np.array([[5, 1], [0, 4]]), ("cat & dog", "bird"), "int8"),
    "histogram": charts.histogram([1.0, 2.0, 40.0], 33.0, "ages"),
    "histogram of nothing": charts.histogram([], 33.0, "ages"),
    "stages": charts.stages({"pictures": {"preprocess": 0.1, "infer": 0.4}}, "stages"),
    "sizes": charts.sizes({"float .onnx": 4000, "int8 .onnx": 1000}, "sizes"),
    "timeline": charts.timeline(np.ones(10, np.float32), 2.0, [(0.1, 0.5, "one")], [(0.7, "one")], "words"),
}


@pytest.mark.parametrize("name", SVG)
def test_a_chart_is_well_formed(name: str) -> None:
    assert ElementTree.fromstring(SVG[name]).tag == "svg"


def test_a_confusion_shows_every_number_that_is_not_zero() -> None:
    texts = [element.text for element in ElementTree.fromstring(SVG["confusion"]).iter("text")]
    assert [text for text in texts if text and text.isdigit()] == ["5", "1", "4"]


def test_what_is_over_the_budget_is_red() -> None:
    bars = ElementTree.fromstring(SVG["histogram"]).iter("rect")
    red = [bar for bar in bars if bar.get("fill") == charts.RED and float(bar.get("height") or 0) > 0]
    assert len(red) == 1


def test_a_word_heard_outside_its_time_is_red() -> None:
    late = charts.timeline(np.ones(4, np.float32), 9.0, [(0.1, 0.5, "one")], [(7.0, "one")], "words")
    assert charts.RED in late
    assert charts.RED not in SVG["timeline"]
