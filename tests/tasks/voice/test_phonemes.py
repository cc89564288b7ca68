"""Words to phonemes: the table, what is made of its words, a program, and what cannot be spoken."""

from __future__ import annotations

import gc
import gzip
import json
import stat
import weakref
from pathlib import Path
from typing import Any

import pytest

from edgemm.errors import CardError, InputError, MissingDependency
from edgemm.tasks.voice import program as program_module
from edgemm.tasks.voice.inventory import Inventory
from edgemm.tasks.voice.language import find_language
from edgemm.tasks.voice.lexicon import MAX_BYTES, Around, Lexicon
from edgemm.tasks.voice.program import Program
from edgemm.tasks.voice.runs import divide
from edgemm.tasks.voice.speller import LONGEST_WORD, Speller

pytestmark = pytest.mark.device

WORDS: dict[str, Any] = {
    "cat": "kˈæt", "dog": "dˈɔɡ", "box": "bˈɑks", "church": "ʧˈɜɹʧ", "baby": "bˈAbi", "want": "wˈɑnt", "walk": "wˈɔk",
    "stop": "stˈɑp", "love": "lˈʌv", "carry": "kˈɛɹi", "apple": "ˈæpᵊl", "Paris": "pˈɛɹɪs", "we": "wi", "a": "ɐ",
    "A": "ˈA", "B": "bˈi", "C": "sˈi", "two": "tˈu", "thirty": "θˈɜɹTi", "dollars": "dˈɑləɹz", "cafe": "kæfˈA",
    "don't": "dˈOnt",
    "the": {"DEFAULT": "ðə", "VOWEL": "ði"},
    "in": {"DEFAULT": "ɪn", "PAUSE": "ˈɪn"},
    "record": {"DEFAULT": "ɹˈɛkəɹd", "VERB": "ɹəkˈɔɹd", "NOUN": "ɹˈɛkəɹd"},
    "use": {"DEFAULT": "jˈuz", "NOUN": "jˈus"},
    "read": {"DEFAULT": "ɹˈid", "PAST": "ɹˈɛd"},
}  # fmt: skip


@pytest.fixture
def lexicon() -> Lexicon:
    return Lexicon(json.dumps(WORDS).encode())


@pytest.fixture
def speller(lexicon: Lexicon) -> Speller:
    return Speller(find_language("en"), lexicon)


@pytest.mark.parametrize(
    ("word", "phonemes"),
    [
        ("cats", "kˈæts"),
        ("dogs", "dˈɔɡz"),
        ("boxes", "bˈɑksɪz"),
        ("churches", "ʧˈɜɹʧɪz"),
        ("babies", "bˈAbiz"),
        ("cat's", "kˈæts"),
        ("Paris's", "pˈɛɹɪsɪz"),
        ("wanted", "wˈɑntɪd"),
        ("walked", "wˈɔkt"),
        ("loved", "lˈʌvd"),
        ("stopped", "stˈɑpt"),
        ("carried", "kˈɛɹid"),
        ("walking", "wˈɔkɪŋ"),
        ("stopping", "stˈɑpɪŋ"),
        ("loving", "lˈʌvɪŋ"),
        ("B's", "bˈiz"),
        ("CAT", "kˈæt"),
        ("paris", "pˈɛɹɪs"),
    ],
)
def test_forms_of_a_word_are_made_of_it(lexicon: Lexicon, word: str, phonemes: str) -> None:
    assert lexicon.find(word) == phonemes


@pytest.mark.parametrize("word", ["zebra", "ss", "s", "ing", "xed", "b", "catss"])
def test_what_is_made_of_no_word_is_not_found(lexicon: Lexicon, word: str) -> None:
    assert lexicon.find(word) is None


@pytest.mark.parametrize(
    ("sentence", "phonemes"),
    [
        ("the cat", "ðə kˈæt."),
        ("the apple", "ði ˈæpᵊl."),
        ("We record the cat", "wi ɹəkˈɔɹd ðə kˈæt."),
        ("the record", "ðə ɹˈɛkəɹd."),
        ("Record the cat", "ɹəkˈɔɹd ðə kˈæt."),
        ("We stop, record the cat", "wi stˈɑp, ɹəkˈɔɹd ðə kˈæt."),
        ("in the box", "ɪn ðə bˈɑks."),
        ("We walked in.", "wi wˈɔkt ˈɪn."),
        ("the use", "ðə jˈus."),
        ("we use", "wi jˈuz."),
        ("$32", "θˈɜɹTi tˈu dˈɑləɹz."),
        ("a CAB", "ɐ sˈi ˈA bˈi."),
        ("café", "kæfˈA."),
        ("we don’t", "wi dˈOnt."),
        ('The "cat" (dog), box!', "ðə “kˈæt” (dˈɔɡ), bˈɑks!"),
        ("cat — dog", "kˈæt — dˈɔɡ."),
    ],
)
def test_a_sentence_is_spelled(speller: Speller, sentence: str, phonemes: str) -> None:
    assert speller.phonemes(sentence) == phonemes
    assert speller.unknown == 0


def test_the_past_is_told_by_what_stands_around(lexicon: Lexicon) -> None:
    assert lexicon.find("read", Around("have", "it")) == "ɹˈɛd"
    assert lexicon.find("read", Around("we", "it", frozenset({"yesterday"}))) == "ɹˈɛd"
    assert lexicon.find("read", Around("we", "it")) == "ɹˈid"


def test_what_has_no_sound_is_counted_and_left_out(speller: Speller) -> None:
    assert speller.phonemes("cat 😀 dog ☃") == "kˈæt dˈɔɡ."
    assert speller.unknown == 2


def test_what_is_longer_than_any_word_is_left_out(speller: Speller) -> None:
    longest = "b" * LONGEST_WORD
    assert speller.phonemes(f"cat {longest} dog").count("bˈi") == LONGEST_WORD
    assert speller.phonemes(f"cat {longest}b dog") == "kˈæt dˈɔɡ."
    assert speller.unknown == LONGEST_WORD + 1


def test_words_that_are_not_known_are_spelled_where_there_is_no_network(speller: Speller) -> None:
    assert speller.phonemes("abc") == "ˈA bˈi sˈi."


def test_sessions_share_a_lexicon_while_one_holds_it() -> None:
    content = json.dumps(WORDS).encode()
    held = Lexicon.of(content)
    assert Lexicon.of(bytes(bytearray(content))) is held
    gone = weakref.ref(held)
    del held
    gc.collect()
    assert gone() is None


def test_the_lexicon_may_be_packed() -> None:
    assert Lexicon(gzip.compress(json.dumps(WORDS).encode())).find("cat") == "kˈæt"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "found none"),
        (b"{}", "empty"),
        (b'{"a": 3}', "'a'"),
        (b'{"a": {"NOUN": "b"}}', "DEFAULT"),
        (b'{"a": {"DEFAULT": "b", "WHEN": "c"}}', "WHEN"),
        (b"cat kat", "JSON"),
        (gzip.compress(b'{"a": "b"}', mtime=0)[:-4], "cut off"),
        (gzip.compress(b" " * (MAX_BYTES + 1), mtime=0), "more than"),
        (b"\x1f\x8b rubbish", "damaged"),
    ],
)
def test_a_table_that_is_none_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(CardError, match=said):
        Lexicon(content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one word"),
        (" \n... \n!", "at least one word"),
        ("Привет, как дела?", "Latin letters.*Cyrillic"),
        ("你好世界 ok", "Latin letters.*Cjk"),
    ],
)
def test_texts_that_cannot_be_spoken_are_refused(speller: Speller, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        speller.sentences(text)
    assert "Привет" not in str(error.value)


def test_a_few_foreign_letters_are_no_other_script(speller: Speller) -> None:
    assert len(speller.sentences("The letter Ж is Russian.")) == 1


def test_symbols_are_found_longest_first() -> None:
    inventory = Inventory(json.dumps({"a": 1, "aː": [2, 3], " ": 4}).encode())
    assert inventory.ids("aː a?b") == ([(2, 3), (4,), (1,)], 2)


def test_the_file_of_a_piper_voice_has_the_symbols() -> None:
    assert Inventory(b'{"audio": {}, "phoneme_id_map": {"_": [0], "a": [5]}}').ids("a") == ([(5,)], 0)


@pytest.mark.parametrize(
    "content", [b"{}", b"[1]", b'{"a": -1}', b'{"a": true}', b'{"a": []}', b'{"a": "1"}', b"x"]
)
def test_symbols_that_are_none_are_refused(content: bytes) -> None:
    with pytest.raises(CardError, match="asset symbols"):
        Inventory(content)


@pytest.mark.parametrize(
    ("phonemes", "longest", "pieces"),
    [
        ("one two", 10, ["one two"]),
        ("aaaa, bbbb, cccc, dddd", 12, ["aaaa, bbbb,", "cccc, dddd"]),
        ("aaaa bbbb cccc", 10, ["aaaa bbbb", "cccc"]),
        ("aaa, bb cc dd ee ff, g", 9, ["aaa,", "bb cc dd", "ee ff,", "g"]),
        ("aaaaaaaaaaaa", 5, ["aaaaa", "aaaaa", "aa"]),
        ("aa bb cc dd ee ff gg hh", 17, ["aa bb cc dd ee", "ff gg hh"]),  # no short rest
        ("  ", 5, []),
    ],
)
def test_long_sentences_are_divided_at_clauses_then_at_words(
    phonemes: str, longest: int, pieces: list[str]
) -> None:
    assert divide(phonemes, longest) == pieces


def double(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program of the name espeak-ng, in front of others."""
    path = folder / "espeak-ng"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def test_a_program_is_asked_for_each_clause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    double(tmp_path, monkeypatch, f'echo "$@" >> {tmp_path}/called; printf "(en)"; tr a-z A-Z; printf "_é"')
    assert Program("espeak-ng", "en-us").phonemes("one, two. ") == "ONE e\u0301, TWO e\u0301."
    assert (tmp_path / "called").read_text() == "-q --ipa --stdin -v en-us\n" * 2


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "exit status 3"),
        ("sleep 5", "within 0.2 s"),
        ("head -c 2000000 /dev/zero", "2000000 bytes"),
    ],
)
def test_a_program_that_fails_is_said_without_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    double(tmp_path, monkeypatch, script)
    monkeypatch.setattr(program_module, "TIMEOUT_S", 0.2)
    with pytest.raises(InputError, match=said) as error:
        Program("espeak-ng", "en").phonemes("a secret")
    assert "secret" not in str(error.value)


def test_a_program_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="sudo apt install espeak-ng"):
        Program("espeak-ng", "en")


def test_a_language_that_is_not_there_is_said() -> None:
    with pytest.raises(CardError, match="en-gb"):
        find_language("en-uk")


@pytest.mark.parametrize(
    ("table", "text", "ids", "unknown"),
    [
        ({"a": 1, "e": 2, "\u0301": 3}, "Aé", [1, 2, 3], 0),  # small letters and accents of their own
        ({"A": 1, "a": 2, "é": 3}, "Aaé", [1, 2, 3], 0),  # as they are
        ({"a": 1, "e": 2}, "éß", [2], 2),
    ],
)
def test_characters_are_found_as_the_table_has_them(
    table: dict[str, int], text: str, ids: list[int], unknown: int
) -> None:
    found, lost = Inventory(json.dumps(table).encode()).ids(text)
    assert ([each for (each,) in found], lost) == (ids, unknown)
