"""Windows to transcripts: partial and final results, silences, times, confidence; and cards that do not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import decoding
import numpy as np
import numpy.typing as npt
import pytest

from edgemm.card import AudioRecipe, InputCard, ModelCard, OutputCard
from edgemm.card.options import with_options
from edgemm.errors import ArtifactError, CardError, InputError
from edgemm.media import AudioBlock
from edgemm.results import Transcript
from edgemm.tasks import open_decoder
from edgemm.tasks.context import Context
from edgemm.tasks.outputs import Outputs
from edgemm.tasks.sound_levels import SoundLevels
from edgemm.tasks.transcription import TranscriptionRecipe
from edgemm.tasks.transcription.task import TranscriptionDecoder
from edgemm.tensors import TensorSpec

pytestmark = pytest.mark.device

LABELS = ("-", " ", "a", "b", "c")
STEPS, STEP_S = 4, 0.1
SHAPE = (1, STEPS, len(LABELS))


def card(samples: int = 400, stride: int = 400, **recipe: Any) -> ModelCard:
    """Of a model that hears 1,000 samples a second, in four steps."""
    audio = AudioRecipe(sample_rate=1000, feature="waveform", samples=samples, stride=stride)
    return ModelCard(
        task="transcription",
        inputs=(InputCard("sound", "audio", (1, samples), "NT", audio=audio),),
        outputs=(OutputCard("scores", SHAPE, "probabilities"),),
        labels=LABELS,
        recipe=TranscriptionRecipe(**{"endpoint_s": 0.5, **recipe}),
    )


def decoder(given: ModelCard, shape: tuple[int, ...] = SHAPE) -> TranscriptionDecoder:
    opened = open_decoder(given, (TensorSpec("scores", shape, "float32"),))
    assert isinstance(opened, TranscriptionDecoder)
    return opened


def outputs(text: str, sure: float = 0.9) -> Outputs:
    """A step for each letter."""
    scores = np.full(SHAPE, (1 - sure) / (len(LABELS) - 1), np.float32)
    for step, letter in enumerate(text):
        scores[0, step, LABELS.index(letter)] = sure
    return decoding.outputs((TensorSpec("scores", SHAPE, "float32"),), scores)


def windows(text: str) -> list[Outputs]:
    padded = text + "-" * (-len(text) % STEPS)
    return [outputs(padded[at : at + STEPS]) for at in range(0, len(padded), STEPS)]


def stream(text: str, **recipe: Any) -> list[Transcript]:
    """All results of windows that follow each other, and of the end."""
    decode = decoder(card(**recipe))
    state, found, end_s = decode.begin(), [], 0.0
    for number, each in enumerate(windows(text), 1):
        end_s = number * STEPS * STEP_S
        found += decode.decode(each, Context(begin_s=end_s - STEPS * STEP_S, end_s=end_s), state)
    return found + decode.end(Context(end_s=end_s), state)


def told(found: list[Transcript]) -> list[tuple[str, bool]]:
    return [(each.text, each.final) for each in found]


@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_what_was_understood_so_far_is_told_and_then_what_was_said(search: str) -> None:
    found = stream("aa-bb- -cc-c-------a----", search=search)
    assert told(found) == [
        ("ab", False), ("ab cc", False), ("ab cc", True), ("a", False), ("a", True),
    ]  # fmt: skip


def test_partial_results_can_be_left_out() -> None:
    assert told(stream("aa-b-------a", partial=False)) == [("ab", True), ("a", True)]


def test_what_is_said_up_to_the_end_is_not_lost() -> None:
    assert told(stream("--ab"))[-1] == ("ab", True)


def test_silence_says_nothing() -> None:
    assert stream("-" * 80) == []


def test_without_an_endpoint_all_is_one_result() -> None:
    assert told(stream("a" + "-" * 30 + " b", endpoint_s=0, partial=False)) == [("a b", True)]


@pytest.mark.parametrize(("blanks", "results"), [(4, 1), (5, 2)])
def test_a_result_is_final_after_the_configured_silence(blanks: int, results: int) -> None:
    found = stream("a" + "-" * blanks + " b", partial=False, endpoint_s=0.5)
    assert len(found) == results


def hear(state: Any, decode: TranscriptionDecoder, text: str, begin_s: float) -> list[Transcript]:
    """Windows of 0.4 s from a time on."""
    found = []
    for number, each in enumerate(windows(text)):
        at_s = begin_s + number * STEPS * STEP_S
        found += decode.decode(each, Context(begin_s=at_s, end_s=at_s + STEPS * STEP_S), state)
    return found


def test_a_silence_of_the_sound_ends_what_was_said_before_a_window_tells_it() -> None:
    decode = decoder(card(partial=False))
    state = decode.begin()
    assert decode.silence_s == 0.5
    assert hear(state, decode, "-a--", 0.0) == []
    (said,) = decode.quiet(Context(begin_s=0.15, end_s=0.65), state)
    assert (said.text, said.final) == ("a", True)
    assert list(decode.quiet(Context(begin_s=0.15, end_s=0.65), state)) == []


def test_it_does_not_while_the_network_has_not_heard_all_of_the_voice() -> None:
    decode = decoder(card(partial=False))
    state = decode.begin()
    hear(state, decode, "-a--", 0.0)
    assert decode.quiet(Context(begin_s=0.45, end_s=0.95), state) == []
    assert told(hear(state, decode, "----", 0.4)) == [("a", True)]


def test_a_silence_that_was_told_too_soon_ends_it_with_a_later_step() -> None:
    decode = decoder(card(partial=False, endpoint_s=1.6))
    state = decode.begin()
    hear(state, decode, "-a--", 0.0)
    assert decode.quiet(Context(begin_s=0.45, end_s=2.05), state) == []
    assert hear(state, decode, "--------", 0.4) == []
    assert told(hear(state, decode, "----", 1.2)) == [("a", True)]  # by labels alone not before 1.8 s


def test_small_probabilities_are_told_apart() -> None:
    scores = np.zeros(SHAPE, np.float32)
    scores[...] = (1.0, 1e-4, 1e-6, 0.0, 0.0)
    rows = decoder(card()).scores(decoding.outputs((TensorSpec("scores", SHAPE, "float32"),), scores))
    assert rows[0, 1] - rows[0, 2] == pytest.approx(np.log(100), rel=1e-3)
    assert np.isfinite(rows).all()


def loud(seconds: float, *parts_s: tuple[float, float]) -> SoundLevels:
    """Of a sound that is loud in these parts, at 1,000 samples a second."""
    samples = np.full(round(seconds * 1000), 1e-4, np.float32)
    for begin_s, end_s in parts_s:
        samples[round(begin_s * 1000) : round(end_s * 1000)] = 0.1
    levels = SoundLevels()
    levels.push(AudioBlock(samples, 1000, 0, 0))
    return levels


def test_words_end_where_their_sound_does_and_before_the_next_one() -> None:
    decode = decoder(card(units="words", separator=""))
    assert decode.by_level
    assert not decoder(card(endpoint_by="labels")).by_level
    state, levels = decode.begin(), loud(1.2, (0.1, 0.7))
    found = list(decode.decode(outputs("-a--"), Context(begin_s=0.0, end_s=0.4, levels=levels), state))
    found += decode.decode(outputs("b---"), Context(begin_s=0.4, end_s=0.8, levels=levels), state)
    found += decode.end(Context(end_s=0.8), state)
    ends = [[round(word.end_s, 6) for word in each.words] for each in found]
    assert ends == [[0.4], [0.4, 0.7], [0.4, 0.7]]


def test_words_of_delayed_scores_end_with_the_sound_that_was_heard() -> None:
    decode = decoder(card(units="words", separator="", delay_s=0.2, endpoint_s=0.0))
    state, levels = decode.begin(), loud(2.0, (0.1, 0.5), (0.54, 0.9))
    (said,) = decode.decode(outputs("---a"), Context(begin_s=0.0, end_s=0.4, levels=levels), state)
    assert (said.words[0].begin_s, said.words[0].end_s) == (0.1, 0.4)
    (said,) = decode.end(Context(end_s=0.4, levels=levels), state)
    assert said.words[0].end_s == 0.4


def test_a_label_after_the_silence_was_told_takes_it_back() -> None:
    decode = decoder(card(partial=False, endpoint_s=1.0))
    state = decode.begin()
    hear(state, decode, "-a--", 0.0)
    assert decode.quiet(Context(begin_s=0.2, end_s=0.7), state) == []
    assert hear(state, decode, "b-------", 0.4) == []  # the rule of labels alone: 1 s
    assert told(hear(state, decode, "----", 1.2)) == [("ab", True)]


def test_a_silence_of_the_sound_counts_only_where_it_is_asked_for() -> None:
    assert decoder(card(endpoint_by="labels")).silence_s == 0.0


def test_silence_counts_from_the_sound_and_not_from_the_late_answer() -> None:
    texts = ["a" + "-" * blanks + " b" for blanks in (3, 4)]
    found = [stream(each, partial=False, endpoint_s=0.5, delay_s=0.1) for each in texts]
    assert [len(each) for each in found] == [1, 2]


def test_a_last_window_and_a_late_answer_are_heard_out() -> None:
    assert decoder(card(delay_s=0.2)).tail_s == pytest.approx(0.4 + 0.2)


def test_a_probability_of_nothing_is_no_mistake() -> None:
    scores: npt.NDArray[np.float32] = np.zeros(SHAPE, np.float32)
    scores[0, range(STEPS), [0, 2, 3, 0]] = 1.0
    given = decoding.outputs((TensorSpec("scores", SHAPE, "float32"),), scores)
    assert decoder(card()).whole([given], Context(), 0.0).text == "ab"


def test_logarithms_that_are_said_to_be_probabilities_are_doubted_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = decoding.outputs((TensorSpec("scores", SHAPE, "float32"),), np.full(SHAPE, -2.5, np.float32))
    made = decoder(card())
    for _ in range(2):
        made.whole([given], Context(), 0.0)
    (said,) = caplog.messages
    assert "output 'scores': expected probabilities" in said
    assert '"decode": "logits"' in said


def test_words_have_the_times_of_their_labels() -> None:
    (found,) = stream("---aa-b- -cc", partial=False)
    times = [(each.text, round(each.begin_s, 6), round(each.end_s, 6)) for each in found.words]
    assert times == [("ab", 0.3, 0.7), ("c", 1.0, 1.2)]
    assert (round(found.start_s, 6), round(found.end_s, 6)) == (0.3, 1.2)


def test_a_model_that_answers_late_is_not_believed_about_times() -> None:
    (found,) = stream("---aa-b-----", partial=False, delay_s=0.2)
    assert [(round(each.begin_s, 6), round(each.end_s, 6)) for each in found.words] == [(0.1, 0.5)]


def test_confidence_is_how_sure_the_labels_are() -> None:
    decode = decoder(card())
    for sure in (0.9, 0.5):
        state = decode.begin()
        decode.decode(outputs("-a--", sure), Context(end_s=0.4), state)
        ((word,),) = (each.words for each in decode.end(Context(end_s=0.4), state))
        assert word.confidence == pytest.approx(sure, abs=1e-4)


def test_speech_without_a_pause_is_divided_between_labels_and_loses_none() -> None:
    text = "ab-c " * 60  # 30 s
    found = stream(text, longest_s=5.0, partial=False)
    assert 5 <= len(found) <= 8
    assert "".join(each.text.replace(" ", "") for each in found) == "abc" * 60


@pytest.mark.parametrize("search", ["beam", "greedy"])
def test_a_label_that_is_held_through_a_division_is_written_once(search: str) -> None:
    text = "b-" + "a" * 50 + "-a-b"  # held for 5 s, then said again
    found = stream(text, longest_s=1.0, partial=False, search=search)
    assert len(found) >= 2
    assert "".join(each.text for each in found) == "baab"


def test_a_recording_says_what_its_stream_says() -> None:
    text = "aa-b- -c--------ab------- - bb-b"
    finals = [each for each in stream(text) if each.final]
    whole = decoder(card()).whole(windows(text), Context(end_s=3.2), 0.0)
    assert whole.text == " ".join(each.text for each in finals) == "ab c ab bb"
    assert whole.words == tuple(word for each in finals for word in each.words)


def overlapping(text: str, stride: int, wrong: str = "c") -> list[Outputs]:
    """Windows of four steps, `stride` steps apart; what lies at the edge of a window is not understood."""
    last = len(text) - STEPS
    found = []
    for at in range(0, last + 1, stride):
        part = list(text[at : at + STEPS])
        part[0] = part[0] if at == 0 else wrong
        part[-1] = part[-1] if at == last else wrong
        found.append(outputs("".join(part)))
    return found


def test_of_windows_that_overlap_the_middle_counts() -> None:
    text = "-a-b-a-b-a"
    whole = decoder(card(stride=200)).whole(overlapping(text, 2), Context(end_s=1.0), 0.0)
    assert whole.text == "ababa"
    assert [round(each.begin_s, 6) for each in whole.words] == [0.1]


@pytest.mark.parametrize(
    ("changes", "shape", "reason"),
    [
        ({"labels": LABELS[:4]}, SHAPE, r"each of the card's 4 labels .* found shape \[1, 4, 5\]"),
        ({}, (1, 5, 4), "They stand in another dimension"),
        ({}, (2, 4, 5), r"expected \[1, steps, labels\]"),
        ({"labels": ()}, SHAPE, "labels: .* found none"),
        ({"inputs": ()}, SHAPE, "an input made from sound"),
        ({"outputs": (OutputCard("scores", SHAPE, "sigmoid"),)}, SHAPE, "found 'sigmoid'"),
        ({"outputs": (OutputCard("scores", SHAPE, "raw"),)}, SHAPE, "found none"),
        ({"recipe": TranscriptionRecipe(blank=5)}, SHAPE, "blank: expected 0 to 4"),
        ({"recipe": TranscriptionRecipe(hot_words=("abz",))}, SHAPE, "'abz' cannot be written"),
        ({"recipe": TranscriptionRecipe(hot_words=("a b",))}, SHAPE, "expected single words"),
        ({"recipe": TranscriptionRecipe(hot_words=("a",), search="greedy")}, SHAPE, 'expected "search": "beam"'),
    ],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_refused(
    changes: dict[str, Any], shape: tuple[int, ...], reason: str
) -> None:
    with pytest.raises(CardError, match=reason):
        decoder(card().with_(**changes), shape)


def test_a_stride_that_leaves_sound_out_is_refused() -> None:
    with pytest.raises(CardError, match="stride: expected at most 400 samples"):
        decoder(card(stride=401))


@pytest.mark.parametrize(("blanks", "results"), [(8, 1), (11, 0)])
def test_a_word_that_has_begun_is_waited_for(blanks: int, results: int) -> None:
    given = card(units="words", endpoint_s=0.5, partial=False)
    decode, found = decoder(given), []
    state = decode.begin()
    for number, each in enumerate(windows(" " + "-" * blanks + "a---"), 1):
        found += decode.decode(each, Context(end_s=number * STEPS * STEP_S), state)
    found += decode.end(Context(), state)
    assert [(each.text, each.words[0].begin_s) for each in found] == [("a", 0.0)] * results


def test_a_beam_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"option beam: .*1 to 512"):
        with_options(card(), {"beam": 0})
    text = card().to_json().replace('"beam": 8', '"beam": 0')
    with pytest.raises(CardError, match=r"transcription\.beam"):
        ModelCard.from_json(text)


def test_the_section_survives_being_written() -> None:
    given = card(hot_words=("ab",), search="beam", beam=3)
    assert ModelCard.from_json(given.to_json()).recipe == given.recipe


def test_scores_that_are_not_finite_are_refused() -> None:
    scores: npt.NDArray[np.float32] = np.full(SHAPE, np.nan, np.float32)
    decode = decoder(card())
    broken = decoding.outputs((TensorSpec("scores", SHAPE, "float32"),), scores)
    with pytest.raises(ArtifactError, match="found NaN"):
        decode.decode(broken, Context(end_s=0.4), decode.begin())


@pytest.mark.parametrize("shape", [(4, 5), (4, 1, 5), (1, 4, 5)])
def test_steps_may_stand_in_any_dimension_before_the_labels(shape: tuple[int, ...]) -> None:
    changed = card().with_(outputs=(replace(card().outputs[0], shape=shape),))
    spec = (TensorSpec("scores", shape, "float32"),)
    scores = outputs("-ab-").real("scores").reshape(shape)
    assert decoder(changed, shape).whole([decoding.outputs(spec, scores)], Context(), 0.0).text == "ab"


def test_two_streams_of_one_decoder_do_not_touch() -> None:
    decode = decoder(card())
    one, other = decode.begin(), decode.begin()
    decode.decode(outputs("-a--"), Context(end_s=0.4), one)
    decode.decode(outputs("-b--"), Context(end_s=0.4), other)
    assert [each.text for each in decode.end(Context(end_s=0.4), one)] == ["a"]
    assert [each.text for each in decode.end(Context(end_s=0.4), other)] == ["b"]
