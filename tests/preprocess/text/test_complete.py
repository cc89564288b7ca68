"""tokenizer.json and WordPiece, against BERT's tokenizer written out by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import package
from slow_wordpiece import tokens

from edgemm.card import TextRecipe
from edgemm.errors import CardError
from edgemm.preprocess.text.tokenizer import Tokenizer, make_tokenizer

package("tokenizers")
pytestmark = pytest.mark.device
WORDS = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "able", "cafe", "run", "##ning", "##s", "the", "a",
    "b", "##a", "##b", ",", ".", "!", "-", "'", "$", "北", "京", "ß", "i", "##i", "o", "##o", "ñ", "é", "É", "A", "##A",
    "The", "…",
]  # fmt: skip
PLACES = {word: at for at, word in enumerate(WORDS)}
VOCABULARY = "\n".join(WORDS).encode()
ODD = [
    "unaffable", "running, runs!", "Café CAFÉ cafe\u0301", "the\u00a0a\u2003b\ta\r\nb", "北京the",
    "a\u200db\u200ba\ufeffb",
    "a\x00b\ufffda\x07b", "İI ıi", "ẞß", "don't--the…", "a" * 101, "ab" * 50, "$a^b`a|b~a", "ﬁ Å", "🙂 a", "بa", "­a­b",
    "a\u0301\u0300b", "The A É",
]  # fmt: skip


def tokenizer(length: int = 128, **recipe: Any) -> Tokenizer:
    return make_tokenizer(
        TextRecipe(tokenizer="wordpiece", vocabulary="vocab.txt", **recipe), length, VOCABULARY
    )


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_words_are_divided_as_by_hand(text: str, lowercase: bool) -> None:
    found = tokenizer(lowercase=lowercase)(text, None)
    assert found.ids == [2, *tokens(text, PLACES, lowercase=lowercase), 3]


LETTERS = st.text(
    st.one_of(st.sampled_from("abioñéÉA北京ß,.!-'$ \t\u0301…"), st.characters(max_codepoint=0x24F)),
    max_size=12,
)


@settings(max_examples=60, derandomize=True)
@given(LETTERS)
def test_any_text_is_divided_as_by_hand(text: str) -> None:
    assert TWO[True](text, None).ids[1:-1] == tokens(text, PLACES, lowercase=True)
    assert TWO[False](text, None).ids[1:-1] == tokens(text, PLACES, lowercase=False)


TWO = {way: tokenizer(lowercase=way) for way in (True, False)}


def test_two_texts_have_their_types_and_one_end_each() -> None:
    found = tokenizer()("the a", "b")
    assert found.ids == [2, PLACES["the"], PLACES["a"], 3, PLACES["b"], 3]
    assert found.types == [0, 0, 0, 0, 1, 1]
    assert (found.own, found.cut) == (3, False)


@pytest.mark.parametrize(("way", "kept"), [("cut-end", "a"), ("cut-start", "b")])
def test_a_long_text_keeps_its_special_tokens(way: Any, kept: str) -> None:
    found = tokenizer(5, too_long=way)("a a a b b b", None)
    assert found.ids == [2, *[PLACES[kept]] * 3, 3]
    assert found.cut


def test_unknown_words_are_counted() -> None:
    found = tokenizer()("zzz the qqq", None)
    assert (found.own, found.unknown) == (3, 2)


def test_a_word_in_brackets_is_the_special_token_and_not_of_the_text() -> None:
    assert tokenizer()("[SEP]", None).own == 1


@pytest.mark.parametrize("missing", ["[CLS]", "[SEP]", "[UNK]"])
def test_a_vocabulary_without_berts_tokens_is_refused(missing: str) -> None:
    words = "\n".join(each for each in WORDS if each != missing).encode()
    with pytest.raises(CardError, match="is missing"):
        make_tokenizer(TextRecipe(tokenizer="wordpiece", vocabulary="vocab.txt"), 8, words)


def test_the_inputs_must_hold_more_than_special_tokens() -> None:
    with pytest.raises(CardError, match="more than the 3 special tokens"):
        tokenizer(3)


def whole_words(**changes: Any) -> bytes:
    content: dict[str, Any] = {
        "version": "1.0", "truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 7,
                    "pad_type_id": 0, "pad_token": "x"},
        "added_tokens": [], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"one": 0, "two": 1, "three": 2, "?": 9}, "unk_token": "?"},
    }  # fmt: skip
    return json.dumps(content | changes).encode()


def json_tokenizer(content: bytes, length: int = 8) -> Tokenizer:
    return make_tokenizer(TextRecipe(vocabulary="tokenizer.json"), length, content)


def test_a_tokenizer_json_says_how_words_become_ids_and_the_card_how_many() -> None:
    found = json_tokenizer(whole_words())("Two three FOUR one", None)
    assert (found.ids, found.own, found.unknown, found.cut) == ([1, 2, 9, 0], 4, 1, False)


def test_a_mark_of_a_word_alone_is_nothing_known() -> None:
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    model = {
        "type": "Unigram",
        "unk_id": 0,
        "vocab": [["?", 0.0], ["\u2581", -1.0], ["a", -1.0]],
        "byte_fallback": False,
    }
    found = json_tokenizer(whole_words(pre_tokenizer=metaspace, model=model))("猫", None)
    assert 1 in found.ids
    assert found.own == len(found.ids) - 1


def test_the_highest_id_of_a_tokenizer_json_is_found() -> None:
    assert json_tokenizer(whole_words()).highest == 9


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff\xfe", b'{"model": 1}', whole_words(model={"type": "WordLevel", "vocab": []})],
)
def test_what_is_no_tokenizer_json_is_refused(content: bytes) -> None:
    with pytest.raises(CardError, match=r"expected a tokenizer.json"):
        json_tokenizer(content)
