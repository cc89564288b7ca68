"""BLEU, against figures that sacrebleu 2.6.0 gave for the same texts with its defaults, and worked out by hand."""

from __future__ import annotations

import math

import pytest

from edgemm.errors import InputError
from edgemm.judge import metric
from edgemm.judge.translation import TranslationMetric, tokens_13a
from edgemm.results import Written

pytestmark = pytest.mark.device
CASES: dict[str, tuple[list[str], list[list[str]], float]] = {
    "two sentences": (
        ["Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.", "Zwei Hunde spielen im Schnee."],
        [
            ["Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt."],
            ["Ein brauner Hund spielt im tiefen Schnee."],
        ],
        66.01623942584749,
    ),
    "short": (
        ["Ein Hund läuft.", "Eine Frau am 3. Mai um 10:30 Uhr."],
        [["Ein Hund rennt über die grüne Wiese."], ["Eine Frau steht dort am 3. Mai um 10:30 Uhr."]],
        52.62598601677121,
    ),
    "no pair right": (["a b c d e"], [["a x c y e z"]], 11.51015341649912),
    "nothing right": (["a b c"], [["x y z"]], 0.0),
    "shorter than four": (["a b c", "d"], [["a b c"], ["d"]], 0.0),
    "empty": (["", "a b c d e"], [["x y"], ["a b c d e"]], 67.03200460356396),
    "several right": (
        ["the cat sat on the mat", "it is so"],
        [
            ["a cat sat on a mat", "the cat was on the mat", "there is a cat on the mat today"],
            ["so it is", "it is so .", "yes"],
        ],
        56.234132519034915,
    ),
    "signs": (
        ['He said: "It\'s 3,5 % of $1,000.50 -- really?" (x-ray, 10-20)', "&quot;A&amp;B&quot; &lt;ok&gt;"],
        [['He said: "It is 3.5 % of $1,000.50 -- really?" (x-ray, 10-20)'], ['"A&B" <ok>']],
        82.97239533592347,
    ),
    "one right word": (["a b c d e f g h"], [["a q r s t u v w"]], 5.522397783539471),
    "too long": (
        ["the small black dog runs over the very green field and barks"],
        [["the black dog runs over the field"]],
        34.48444257953326,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_figure_is_sacrebleus(case: str) -> None:
    found, right, expected = CASES[case]
    judge = TranslationMetric()
    for text, truths in zip(found, right, strict=True):
        judge.add(text, truths[0] if len(truths) == 1 else truths)
    assert judge.value() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world.", ["Hello", ",", "world", "."]),
        ("3.5 1,000 a.b x,5 5,x", ["3.5", "1,000", "a", ".", "b", "x", ",", "5", "5", ",", "x"]),
        ("10-20 well-known 5-", ["10", "-", "20", "well-known", "5", "-"]),
        (
            "it's (a) [b] {c} a/b x_y",
            ["it's", "(", "a", ")", "[", "b", "]", "{", "c", "}", "a", "/", "b", "x", "_", "y"],
        ),
        ("&quot;A&amp;B&quot; &lt;x&gt;", ['"', "A", "&", "B", '"', "<", "x", ">"]),
        ("„Äpfel“ – 5€…", ["„Äpfel“", "–", "5€…"]),
        ("U.S. ... , .5 5.", ["U", ".", "S", ".", ".", ".", ".", ",", ".", "5", "5", "."]),
        ("a-\nb c\nd", ["ab", "c", "d"]),
        ("<skipped> x", ["x"]),
        (
            "!?;:@#%*+=|~^`\\$",
            ["!", "?", ";", ":", "@", "#", "%", "*", "+", "=", "|", "~", "^", "`", "\\", "$"],
        ),
    ],
)
def test_tokens_are_sacrebleus(text: str, tokens: list[str]) -> None:
    assert tokens_13a(text) == tokens


def test_by_hand() -> None:
    """5 of 6, 3 of 5, 1 of 4 sequences stand in the right text, none of three of the longest, which count as a half;
    the lengths are equal."""
    judge = TranslationMetric()
    judge.add("the cat sat on a mat", "the cat sat in a mat")
    precisions = [5 / 6, 3 / 5, 1 / 4, 0.5 / 3]
    assert judge.value() == pytest.approx(100 * math.prod(precisions) ** 0.25)
    assert judge.report()["precisions"] == pytest.approx([100 * each for each in precisions])


def test_of_several_right_texts_a_token_counts_as_often_as_it_stands_in_one() -> None:
    judge = TranslationMetric()
    judge.add("a a b", ["a b", "a c"])
    assert judge.report()["precisions"][0] == pytest.approx(100 * 2 / 3)


def test_the_report() -> None:
    judge = metric("text_to_text")
    assert math.isnan(judge.value())
    assert judge.report() == {
        "samples": 0, "BLEU": None, "exact": None, "brevity": None, "precisions": [0.0] * 4,
    }  # fmt: skip
    judge.add(Written("one two  three four five", 1.0), "one two three four five")
    judge.add("no", "yes it is")
    report = judge.report()
    assert (report["samples"], report["exact"]) == (2, 0.5)
    assert report["brevity"] == pytest.approx(math.exp(1 - 8 / 6))
    assert report["BLEU"] == judge.value()


@pytest.mark.parametrize("truth", [3, None, [], [1], b"x"])
def test_a_truth_that_is_no_text(truth: object) -> None:
    with pytest.raises(InputError, match="expected the right text"):
        TranslationMetric().add("a", truth)  # type: ignore[arg-type]
