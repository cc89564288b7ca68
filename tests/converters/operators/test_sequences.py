"""Sequences and optional values are resolved while converting."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from edgemm.errors import ConversionError, UnsupportedOperator

NUMBERS = "z = Constant<value_int=0>() i = Constant<value_int=1>() j = Constant<value_int=-1>()"
FORMS = {
    "parts of one size": f"""g (float[2,7,3] x) => (float[2,3,3] y, int64 n, float[2,1,3] w) {{ {NUMBERS}
        k = Constant<value_int=3>() s = SplitToSequence<axis=1>(x, k)
        y = SequenceAt(s, i) n = SequenceLength(s) w = SequenceAt(s, j) }}""",
    "parts of given sizes, from the last axis": f"""g (float[2,7,3] x) => (float[2,7,2] y) {{ {NUMBERS}
        k = Constant<value_ints=[1,2]>() s = SplitToSequence<axis=-1>(x, k) y = SequenceAt(s, i) }}""",
    "parts of sizes in two dimensions, which ONNX Runtime takes": f"""g (float[2,7,3] x) => (float[2,7,2] y) <
        int64[1,2] k = {{1, 2}}> {{ {NUMBERS} s = SplitToSequence<axis=-1>(x, k) y = SequenceAt(s, i) }}""",
    "single elements, one left out": f"""g (float[2,7,3] x) => (float[2,18] y, float[2,6,3] w) {{ {NUMBERS}
        s = SplitToSequence<axis=1, keepdims=0>(x) e = SequenceErase(s, i)
        y = ConcatFromSequence<axis=1>(e) w = ConcatFromSequence<axis=1, new_axis=1>(e) }}""",
    "single elements of a size that is given, as torch.unbind writes it": f"""g (float[2,7,3] x) => (float[2,3] y,
        float[2,7,3] w) {{ {NUMBERS} s = SplitToSequence<axis=1, keepdims=0>(x, i) y = SequenceAt(s, j)
        w = ConcatFromSequence<axis=1, new_axis=1>(s) }}""",
    "the last left out": """g (float[2,7,3] x) => (float[2,6,3] y) {
        s = SplitToSequence<axis=1>(x) e = SequenceErase(s) y = ConcatFromSequence<axis=1>(e) }""",
    "put in at the front and at the end": f"""g (float[2,7,3] x) => (float[3,2,7,3] y) {{ {NUMBERS}
        e = SequenceEmpty() a = SequenceInsert(e, x) t = Tanh(x) b = SequenceInsert(a, t, z)
        u = Exp(x) c = SequenceInsert(b, u) y = ConcatFromSequence<axis=0, new_axis=1>(c) }}""",
    "put in before the last": f"""g (float[2,7,3] x) => (float[3,2,7,3] y) {{ {NUMBERS}
        t = Tanh(x) u = Exp(x) a = SequenceConstruct(x, t) c = SequenceInsert(a, u, j)
        y = ConcatFromSequence<axis=0, new_axis=1>(c) }}""",
    "gathered in a loop": """g (float[2,7,3] x) => (float[3,2,7,3] y) {
        e = SequenceEmpty() M = Constant<value_int=3>()
        s = Loop<body = b (int64 i, bool ci, seq(float[2,7,3]) s0) => (bool co, seq(float[2,7,3]) s1) {
            co = Identity(ci) f = Cast<to=1>(i) u = Add(x, f) s1 = SequenceInsert(s0, u) }>(M, , e)
        y = ConcatFromSequence<axis=0, new_axis=1>(s) }""",
    "mapped": """g (float[2,7,3] x) => (float[2,14,3] y) { t = Tanh(x) s = SequenceConstruct(x, t)
        m = SequenceMap<body = b (float[2,7,3] a, float[2,7,3] c) => (float[2,7,3] o) { o = Add(a, c) }>(s, x)
        y = ConcatFromSequence<axis=1>(m) }""",
    "one element, as an output": f"""g (float[2,7,3] x) => (float[2,7,3] y) {{ {NUMBERS}
        s = SequenceConstruct(x, x) y = SequenceAt(s, z) }}""",
}

OUTER = """g (float[2,6,4] x) => (float[N,M,K] y) { k = Constant<value_int=2>() c = Constant<value = bool {1}>()
    n0 = Constant<value_int=0>() s = SplitToSequence<axis=1>(x, k) n = SequenceLength(s) """
IN_BODIES = {
    "a loop over its elements, as torch scripts it": f"""{OUTER} o0 = SequenceEmpty()
        o = Loop<body = b (int64 i, bool ci, seq(float[2,4]) q) => (bool co, seq(float[2,4]) qo) {{
            co = Identity(ci) e = SequenceAt(s, i) m = ReduceMax<axes=[1], keepdims=0>(e)
            qo = SequenceInsert(q, m) }}>(n, , o0)
        y = ConcatFromSequence<axis=0, new_axis=1>(o) }}""",
    "a loop in the branch that is taken": f"""{OUTER} a0 = SequenceAt(s, n0)
        y = If<then_branch = t () => (a) {{
            a = Loop<body = b (int64 i, bool ci, float[2,2,4] a1) => (bool co, float[2,2,4] ao) {{
                co = Identity(ci) e = SequenceAt(s, i) ao = Sub(e, a1) }}>(n, , a0) }},
          else_branch = f () => (b) {{ r = SequenceAt(s, n0) b = Abs(r) }}>(c) }}""",
    "a scan that counts": f"""{OUTER} a0 = SequenceAt(s, n0)
        ns, y = Scan<num_scan_inputs=1, body = b (int64 j, float[2,2,4] a1, float[6,4] r) =>
                (int64 jo, float[2,2,4] ao) {{
            one = Constant<value_int=1>() three = Constant<value_int=3>() jm = Add(j, one) jo = Mod(jm, three)
            e = SequenceAt(s, jo) f = ReduceSum(r) m = Mul(e, f) ao = Sub(m, a1) }}>(n0, a0, x) }}""",
    "a loop over the parts of each part": f"""{OUTER} a0 = Slice(x, zero, ones, at)
        y = Loop<body = b (int64 i, bool ci, float[2,1,4] a1) => (bool co, float[2,1,4] ao) {{
            co = Identity(ci) e = SequenceAt(s, i) one = Constant<value_int=1>()
            p = SplitToSequence<axis=1>(e, one) l = SequenceLength(p)
            ao = Loop<body = b2 (int64 j, bool cj, float[2,1,4] a2) => (bool co2, float[2,1,4] ao2) {{
                co2 = Identity(cj) f = SequenceAt(p, j) ao2 = Sub(f, a2) }}>(l, , a1) }}>(n, , a0) }}""",
    "a loop until a sequence is long enough": f"""{OUTER} o0 = SequenceEmpty()
        o = Loop<body = b (int64 i, bool ci, seq(float[2,2,4]) q) => (bool co, seq(float[2,2,4]) qo) {{
            f = Cast<to=1>(i) e = SequenceAt(s, n0) u = Add(e, f) qo = SequenceInsert(q, u)
            l = SequenceLength(qo) five = Constant<value_int=5>() co = Less(l, five) }}>(, c, o0)
        y = ConcatFromSequence<axis=1>(o) }}""",
    "a loop as often as another one counted": f"""{OUTER} a0 = SequenceAt(s, n0)
        m = Loop<body = b (int64 i, bool ci, int64 j) => (bool co, int64 jo) {{
            co = Identity(ci) one = Constant<value_int=1>() jo = Add(j, one) }}>(n, , n0)
        y = Loop<body = b2 (int64 i2, bool ci2, float[2,2,4] a1) => (bool co2, float[2,2,4] ao) {{
            co2 = Identity(ci2) e = SequenceAt(s, i2) ao = Sub(e, a1) }}>(m, , a0) }}""",
    "a loop that an inner one ends": f"""{OUTER} a0 = SequenceAt(s, n0)
        ns, y = Loop<body = b (int64 i, bool ci, int64 j, float[2,2,4] a1) =>
                (bool co, int64 jo, float[2,2,4] ao) {{
            three = Constant<value_int=3>() five = Constant<value_int=5>()
            e = SequenceAt(s, i) ao = Sub(e, a1)
            jo = Loop<body = b2 (int64 i2, bool ci2, int64 k) => (bool co2, int64 ko) {{
                co2 = Identity(ci2) one = Constant<value_int=1>() ko = Add(k, one) }}>(three, , j)
            co = Less(jo, five) }}>(, c, n0, a0) }}""",
}


@pytest.mark.parametrize("form", IN_BODIES)
def test_a_body_reads_a_sequence_from_outside(
    agree: Any, graph: Any, operators: Any, rng: Any, form: str
) -> None:
    zero = np.zeros(3, np.int64)
    proto = graph(IN_BODIES[form], zero=zero, ones=np.array([9, 1, 9]), at=np.arange(3))
    agree(proto, {"x": rng.standard_normal((2, 6, 4)).astype(np.float32)})
    assert not {"Loop", "If", "Scan", "SequenceConstruct", "SequenceAt"} & {*operators(proto)}


@pytest.mark.parametrize("form", FORMS)
def test_a_sequence_leaves_only_tensors(agree: Any, graph: Any, operators: Any, rng: Any, form: str) -> None:
    proto = graph(FORMS[form])
    agree(proto, {"x": rng.standard_normal((2, 7, 3)).astype(np.float32)})
    assert not [name for name in operators(proto) if "Sequence" in name or name == "Loop"]


@pytest.mark.parametrize("at", [1, -1])
def test_an_element_whose_number_is_computed_is_gathered(agree: Any, graph: Any, rng: Any, at: int) -> None:
    proto = graph("""g (float[3,4] x, int64 i) => (float[1,4] y) {
        s = SplitToSequence<axis=0>(x) y = SequenceAt(s, i) }""")
    agree(proto, {"x": rng.standard_normal((3, 4)).astype(np.float32), "i": np.array(at)})


OPTIONAL = {
    "given": ("g (float[2] x) => (float[2] y) { o = Optional(x) h = OptionalHasElement(o)", np.abs),
    "left out": ("g (float[2] x) => (float[2] y) { h = OptionalHasElement()", np.exp),
    "a tensor": ("g (float[2] x) => (float[2] y) { o = Identity(x) h = OptionalHasElement(o)", np.abs),
}


@pytest.mark.parametrize("form", OPTIONAL)
def test_an_optional_value_is_there_or_not(agree: Any, graph: Any, form: str) -> None:
    text, truth = OPTIONAL[form]
    get = "v = Identity(x)" if form == "left out" else "v = OptionalGetElement(o)"
    proto = graph(
        f"""{text} y = If<then_branch = t () => (a) {{ {get} a = Abs(v) }},
                          else_branch = e () => (b) {{ b = Exp(x) }}>(h) }}""",
        18,
    )
    x = np.array([-1.0, 2.0], np.float32)
    agree(proto, {"x": x}, [truth(x)])


REFUSED = {
    "input 'x' is a sequence of tensors": """g (seq(float[2,4]) x) => (float[2,4] y) {
        i = Constant<value_int=0>() y = SequenceAt(x, i) }""",
    "output 'y' is a sequence of tensors": "g (float[2,4] x) => (seq(float[1,4]) y) { y = SplitToSequence(x) }",
    "the sizes of the parts depend": """g (float[2,4] x, int64[2] k) => (float[N,4] y) {
        i = Constant<value_int=0>() s = SplitToSequence(x, k) y = SequenceAt(s, i) }""",
    "which element of a sequence is meant": """g (float[3,4] x, int64 i) => (float[N,4] y) {
        k = Constant<value_ints=[1,2]>() s = SplitToSequence(x, k) y = SequenceAt(s, i) }""",
}
PART = "e = SequenceAt(s, i)"
CAUSES = {
    "node 'Loop_y' (Loop): the number of rounds depends": f"""g (float[2,6] x, int64 M) => (float[2,2] y) {{
        k = Constant<value_ints=[2,2,2]>() s = SplitToSequence<axis=1>(x, k) i0 = Constant<value_int=0>()
        z = SequenceAt(s, i0)
        y = Loop<body = b (int64 i, bool ci, float[2,2] a) => (bool co, float[2,2] ao) {{
            co = Identity(ci) {PART} ao = Add(a, e) }}>(M, , z) }}""",
    "node 'Loop_o' (Loop): the number of rounds depends": """g (float[2,4] x, int64 M) => (float[N,2,4] y) {
        o0 = SequenceEmpty()
        o = Loop<body = b (int64 i, bool ci, seq(float[2,4]) q) => (bool co, seq(float[2,4]) qo) {
            co = Identity(ci) qo = SequenceInsert(q, x) }>(M, , o0)
        y = ConcatFromSequence<axis=0, new_axis=1>(o) }""",
    "node 'If_y' (If): its condition depends": f"""g (float[2,6] x, bool c) => (float[2,2] y) {{
        k = Constant<value_int=2>() i = Constant<value_int=0>() s = SplitToSequence<axis=1>(x, k)
        y = If<then_branch = t () => (a) {{ {PART} a = Exp(e) }},
               else_branch = f () => (b) {{ {PART} b = Abs(e) }}>(c) }}""",
}


@pytest.mark.parametrize("cause", CAUSES)
def test_what_keeps_a_sequence_is_named(operators: Any, graph: Any, cause: str) -> None:
    """Not the sequence, which is known but for that node."""
    with pytest.raises(UnsupportedOperator, match=re.escape(cause)) as told:
        operators(graph(CAUSES[cause]))
    assert "--set NAME=VALUE" in str(told.value)


@pytest.mark.parametrize("reason", REFUSED)
def test_a_sequence_that_depends_on_data_is_refused_as_one(operators: Any, graph: Any, reason: str) -> None:
    with pytest.raises(UnsupportedOperator) as told:
        operators(graph(REFUSED[reason]))
    assert reason in str(told.value)
    assert "open shape" not in str(told.value)


def test_an_element_that_is_not_there_is_an_error(operators: Any, graph: Any) -> None:
    with pytest.raises(ConversionError, match="element 3 of a sequence of 2"):
        operators(
            graph("""g (float[2,4] x) => (float[1,4] y) {
            i = Constant<value_int=3>() s = SplitToSequence<axis=0>(x) y = SequenceAt(s, i) }""")
        )
