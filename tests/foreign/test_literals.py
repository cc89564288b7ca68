"""Python literals of others: what `repr` writes is read, anything else is refused, quickly."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemm.foreign.literals import literal

pytestmark = pytest.mark.device

SIMPLE = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SIMPLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 99), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_repr_writes_is_read(value: Any) -> None:
    assert literal(repr({"a": value})) == {"a": value}


@pytest.mark.parametrize(
    "text", ["{0: 'person', 1: \"it's\"}", "(1, 2.5e-3, -4)", " [True, None] ", "'a' 'b'"[:3]]
)
def test_as_python_reads_it(text: str) -> None:
    assert literal(text) == ast.literal_eval(text.strip())


@pytest.mark.parametrize(
    "text",
    ["", "f(1)", "(1)(2)", "[0][0]", "1 + 1", "-" * 50_000 + "1", "[" * 100_000, "[0]" * 50_000, "(" * 7 + ")" * 7,
     "lambda: 1", "a", "1 1", "{1}{2}", "'a", "b'x'", "f'{x}'", "[1,,2]", "{1: 2, 3}", "0x" + "f" * 99, "9" * 5000,
     "'\\d'", "]", "1j", "..."],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"literal|inside|parts|comma|character"):
        literal(text)


@pytest.mark.parametrize("text", ["[0]" * 50_000, "(1)(2)", "1 1", "{1}{2}", "'a'[0]"])
def test_chains_never_reach_the_parser(text: str) -> None:
    """They nest as deep as they are long, which some versions of Python do not survive."""
    with pytest.raises(ValueError, match="no comma"):
        literal(text)


def test_too_long_is_refused_unread() -> None:
    with pytest.raises(ValueError, match="characters"):
        literal("[" + " " * (1 << 20) + "]")
