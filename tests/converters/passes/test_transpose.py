from __future__ import annotations

from typing import Any


def test_a_transpose_without_permutation_reverses(build: Any, canonical: Any) -> None:
    model = canonical(build("g (float[2,3,4] x) => (float[4,3,2] y) { y = Transpose(x) }"))
    assert model.graph[0].attributes["perm"].as_ints() == (2, 1, 0)


def test_consecutive_transposes_are_merged(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2,3,4] x) => (float[3,4,2] y) {
        a = Transpose<perm=[0,2,1]>(x) b = Transpose<perm=[2,1,0]>(a) y = Transpose<perm=[0,1,2]>(b)
    }"""
    assert operators(canonical(build(text))) == ["Transpose"]


def test_transposes_that_cancel_go(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2,3] x) => (float[2,3] y) {
        r = Relu(x) a = Transpose<perm=[1,0]>(r) b = Transpose<perm=[1,0]>(a) y = Tanh(b)
    }"""
    assert operators(canonical(build(text))) == ["Relu", "Tanh"]


def test_a_transpose_that_others_read_stays_for_them(build: Any, canonical: Any, operators: Any) -> None:
    text = """g (float[2,3] x) => (float[2,3] y, float[3,2] z) {
        a = Transpose<perm=[1,0]>(x) b = Transpose<perm=[1,0]>(a) y = Tanh(b) z = Relu(a)
    }"""
    assert sorted(operators(canonical(build(text)))) == ["Relu", "Tanh", "Transpose"]
