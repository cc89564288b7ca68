"""Files of several lengths: the shortest that a text fits in is run; a full cache goes on in a longer one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from written_texts import RECIPE, WORDS

from edgemm.errors import CardError
from edgemm.tasks.sequence.ways import find_ways
from edgemm.tensors import TensorSpec


def reads(length: int) -> Any:
    return (
        (TensorSpec("ids", (1, length), "int32"), TensorSpec("mask", (1, length), "float32")),
        (TensorSpec("memory.0.key", (1, 2, length, 8), "float32"),),
    )


def writes(length: int, places: int) -> Any:
    return (
        (
            TensorSpec("ids", (1, 1), "int32"), TensorSpec("position", (1,), "int32"),
            TensorSpec("mask", (1, places), "float32"), TensorSpec("memory_mask", (1, length), "float32"),
            *reads(length)[1],
        ),
        (TensorSpec("logits", (1, len(WORDS)), "float32"),),
    )  # fmt: skip


def part(entries: Mapping[str, Any]) -> Any:
    """Of several signatures, the first of which is what the file itself shows."""
    inputs, outputs = next(iter(entries.values()))
    return SimpleNamespace(
        inputs=inputs, outputs=outputs, signatures=tuple(entries), specs=lambda name: entries[name]
    )


ENCODER = part({"read_12": reads(12), "read_4": reads(4)})
DECODER = part(
    {"write_4_20": writes(4, 20), "write_4_5": writes(4, 5), "write_12_9": writes(12, 9)},
)


def test_each_length_of_the_source_has_the_decoders_that_take_it() -> None:
    short, long = find_ways(RECIPE, ENCODER, DECODER)
    assert (short.encoder, short.source.most) == ("read_4", 4)
    assert [name for name, _ in short.decoders] == ["write_4_5", "write_4_20"]
    assert (long.encoder, long.source.most) == ("read_12", 12)
    assert [name for name, _ in long.decoders] == ["write_12_9"]


def test_a_position_is_in_the_shortest_cache_that_has_it() -> None:
    short, _ = find_ways(RECIPE, ENCODER, DECODER)
    assert [short.signature(at) for at in (0, 4, 5, 19)] == [
        "write_4_5", "write_4_5", "write_4_20", "write_4_20",
    ]  # fmt: skip
    assert short.feeds(3, 4)["mask"].tolist() == [[1] * 5]
    assert short.feeds(3, 5)["mask"].tolist() == [[1] * 6 + [0] * 14]


def test_as_much_may_be_written_as_the_longest_cache_has_room_for() -> None:
    short, long = find_ways(RECIPE, ENCODER, DECODER)
    assert (short.rules.most, long.rules.most) == (20, 9)
    begun = find_ways(replace(RECIPE, begin=(1, 1, 1)), ENCODER, DECODER)
    assert [way.rules.most for way in begun] == [18, 7]


def test_a_length_without_a_partner_is_left_out() -> None:
    (only,) = find_ways(RECIPE, ENCODER, part({"a": writes(12, 9), "b": writes(7, 9)}))
    assert (only.encoder, only.decoders[0][0]) == ("read_12", "a")


def test_files_of_which_no_lengths_go_together_are_refused() -> None:
    with pytest.raises(CardError, match=r"'memory_mask': expected \[1, 4\] as the tokens"):
        find_ways(RECIPE, ENCODER, part({"a": writes(8, 9), "b": writes(7, 9)}))


def test_a_file_of_one_entry_is_run_without_a_name() -> None:
    (only,) = find_ways(RECIPE, part({"": reads(4)}), part({"": writes(4, 9)}))
    assert (only.encoder, only.signature(0), only.signature(99)) == ("", "", "")
