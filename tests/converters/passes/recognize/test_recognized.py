"""Functions in the spellings of exporters become one operator, and compute what the source does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from tests.converters.passes.conftest import from_text

CONSTANTS: dict[str, Any] = {
    "root2": np.float32(1.4142135),
    "half_root": np.float32(0.70710677),
    "short_root": np.float32(0.7071),
    "coarse": np.float32(0.707),
    "almost": np.float32(0.5001),
    "one": np.float32(1),
    "ones": np.ones((1, 1), np.float32),
    "half": np.float32(0.5),
    "two": np.float32(2),
    "three": np.float32(3),
    "six": np.float32(6),
    "sixth": np.float32(1 / 6),
    "zero": np.float32(0),
    "cubic": np.float32(0.044715),
    "steep": np.float32(0.7978845608),
    "steeper": np.float32(2 * 0.7978845608),
    "minus": np.float32(-1),
    "power": np.float32(-0.5),
    "epsilon": np.float32(1e-5),
    "tiny": np.float32(1e-12),
    "limit": np.float32(20),
    "g": np.linspace(0.5, 2, 8, dtype=np.float32),
    "b": np.linspace(-1, 1, 8, dtype=np.float32),
    "last": np.array([-1], np.int64),
    "eighth": np.float32(0.125),
    "whole": np.array([4, 8], np.int64),
}

GELU = {
    "x (1 + erf(x / root 2)) / 2": "d=Div(x,root2) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,half)",
    "half first, factor": "h=Mul(half,x) d=Mul(half_root,x) e=Erf(d) a=Add(one,e) y=Mul(a,h)",
    "divided by two": "d=Div(x,root2) e=Erf(d) a=Add(e,one) m=Mul(a,x) y=Div(m,two)",
    "half gate": "d=Div(x,root2) e=Erf(d) h=Mul(e,half) a=Add(h,half) y=Mul(x,a)",
    "distributed": "d=Div(x,root2) e=Erf(d) h=Mul(x,half) m=Mul(h,e) y=Add(h,m)",
    "0.7071": "d=Mul(x,short_root) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,half)",
    "one with dimensions": "d=Div(x,root2) e=Erf(d) a=Add(e,ones) m=Mul(x,a) y=Mul(m,half)",
    "one minus erf of minus": "n=Neg(x) d=Div(n,root2) e=Erf(d) a=Sub(one,e) m=Mul(x,a) y=Mul(m,half)",
}
TANH = {
    "cube": "p=Pow(x,three) q=Mul(p,cubic) r=Add(x,q) t=Mul(r,steep) u=Tanh(t) v=Add(u,one) w=Mul(x,half) y=Mul(w,v)",
    "products": "s=Mul(x,x) p=Mul(s,x) q=Mul(cubic,p) r=Add(x,q) t=Mul(steep,r) u=Tanh(t) v=Add(one,u) m=Mul(x,v) "
    "y=Mul(half,m)",
    "factored": "q=Mul(x,steep) i=Mul(x,cubic) s=Mul(i,x) l=Add(s,one) t=Mul(q,l) u=Tanh(t) v=Add(u,one) w=Mul(x,half) "
    "y=Mul(w,v)",
    "by sigmoid": "p=Pow(x,three) q=Mul(p,cubic) r=Add(x,q) t=Mul(r,steeper) u=Sigmoid(t) y=Mul(x,u)",
}
HARD_SWISH = {
    "clip": "a=Add(x,three) c=Clip(a,zero,six) m=Mul(x,c) y=Div(m,six)",
    "gate first": "a=Add(three,x) c=Clip(a,zero,six) s=Mul(c,sixth) y=Mul(s,x)",
    "relu and minimum": "a=Add(x,three) r=Relu(a) c=Min(r,six) m=Mul(x,c) y=Mul(m,sixth)",
    "maximum and minimum": "a=Add(x,three) r=Max(zero,a) c=Min(six,r) s=Div(c,six) y=Mul(x,s)",
    "line of a sixth": "m=Mul(x,sixth) a=Add(m,half) c=Clip(a,zero,one) y=Mul(x,c)",
    "hard sigmoid": "s=HardSigmoid<alpha=0.16666667,beta=0.5>(x) y=Mul(s,x)",
}
MEAN = "m=ReduceMean<axes=[-1]>(x) f=Sub(x,m) "
LAYER_NORM = {
    "pow, sqrt, div": MEAN + "p=Pow(f,two) v=ReduceMean<axes=[1]>(p) a=Add(v,epsilon) s=Sqrt(a) d=Div(f,s) "
    "z=Mul(d,g) y=Add(z,b)",
    "product, reciprocal": MEAN
    + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) a=Add(epsilon,v) s=Sqrt(a) r=Reciprocal(s) "
    "d=Mul(f,r) z=Mul(g,d) y=Add(b,z)",
    "power of a half": MEAN
    + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) a=Add(v,epsilon) r=Pow(a,power) d=Mul(r,f) "
    "z=Mul(d,g) y=Add(z,b)",
    "without scale": MEAN + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) a=Add(v,epsilon) s=Sqrt(a) y=Div(f,s)",
    "two differences": MEAN
    + "f2=Sub(x,m) p=Pow(f2,two) v=ReduceMean<axes=[-1]>(p) a=Add(v,epsilon) s=Sqrt(a) "
    "d=Div(f,s) z=Mul(d,g) y=Add(z,b)",
    "both axes": "m=ReduceMean(x) f=Sub(x,m) p=Mul(f,f) v=ReduceMean(p) a=Add(v,epsilon) s=Sqrt(a) y=Div(f,s)",
    "as Keras folds it": MEAN
    + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) a=Add(v,epsilon) s=Sqrt(a) r=Reciprocal(s) "
    "q=Mul(r,g) xq=Mul(x,q) mq=Mul(m,q) bq=Sub(b,mq) y=Add(xq,bq)",
    "mean minus x": "m=ReduceMean<axes=[-1]>(x) f=Sub(m,x) p=Pow(f,two) v=ReduceMean<axes=[-1]>(p) a=Add(v,epsilon) "
    "s=Sqrt(a) d=Div(f,s) z=Mul(d,g) y=Add(z,b)",
    "mean minus x, bare": "m=ReduceMean<axes=[-1]>(x) f=Sub(m,x) p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) "
    "a=Add(v,epsilon) s=Sqrt(a) r=Reciprocal(s) y=Mul(f,r)",
    "mean minus x for the variance alone": MEAN
    + "h=Sub(m,x) p=Mul(h,h) v=ReduceMean<axes=[-1]>(p) a=Add(v,epsilon) s=Sqrt(a) d=Div(f,s) z=Mul(d,g) y=Add(z,b)",
    "sums": "t=ReduceSum(x,last) m=Mul(t,eighth) f=Sub(x,m) p=Mul(f,f) w=ReduceSum(p,last) v=Mul(w,eighth) "
    "a=Add(v,epsilon) s=Sqrt(a) d=Div(f,s) z=Mul(d,g) y=Add(z,b)",
}
ROOT_MEAN_SQUARE = {
    "torch": "p=Pow(x,two) m=ReduceMean<axes=[-1]>(p) a=Add(m,epsilon) s=Sqrt(a) r=Reciprocal(s) d=Mul(x,r) y=Mul(d,g)",
    "script": "p=Mul(x,x) m=ReduceMean<axes=[-1]>(p) a=Add(m,epsilon) s=Sqrt(a) r=Div(one,s) d=Mul(x,r) y=Mul(g,d)",
    "fused": "p=Pow(x,two) m=ReduceMean<axes=[-1]>(p) a=Add(m,epsilon) s=Sqrt(a) d=Div(x,s) y=Mul(d,g)",
}
LENGTH = {
    "torch": "n=ReduceL2<axes=[-1]>(x) l=Clip(n,tiny) s=Expand(l,whole) y=Div(x,s)",
    "maximum": "n=ReduceL2<axes=[-1]>(x) l=Max(n,tiny) y=Div(x,l)",
    "tensorflow": "p=Mul(x,x) t=ReduceSum(p,last) l=Max(t,tiny) s=Sqrt(l) r=Reciprocal(s) y=Mul(x,r)",
    "root of a sum": "p=Mul(x,x) t=ReduceSum(p,last) s=Sqrt(t) l=Max(s,tiny) y=Div(x,l)",
}
OTHERS = {
    "silu": ("n=Neg(x) e=Exp(n) a=Add(e,one) y=Div(x,a)", ["Sigmoid", "Mul"]),
    "sigmoid": ("n=Mul(x,minus) e=Exp(n) a=Add(one,e) y=Reciprocal(a)", ["Sigmoid"]),
    "softplus": ("e=Exp(x) a=Add(e,one) y=Log(a)", ["Softplus"]),
    "softplus from 20 on": ("e=Exp(x) a=Add(e,one) l=Log(a) c=Greater(x,limit) y=Where(c,x,l)", ["Softplus"]),
    "softplus, stable": (
        "s=Abs(x) n=Neg(s) e=Exp(n) a=Add(e,one) l=Log(a) r=Relu(x) y=Add(r,l)",
        ["Softplus"],
    ),
    "mish": ("e=Exp(x) a=Add(e,one) l=Log(a) t=Tanh(l) y=Mul(x,t)", ["Softplus", "Tanh", "Mul"]),
    "hard sigmoid": ("a=Add(x,three) c=Clip(a,zero,six) y=Div(c,six)", ["HardSigmoid"]),
    "quick gelu": ("k=Mul(x,root2) s=Sigmoid(k) y=Mul(x,s)", ["Mul", "Sigmoid", "Mul"]),
}
CASES = [
    *((name, text, ["Gelu"]) for name, text in GELU.items()),
    *((name, text, ["FastGelu"]) for name, text in TANH.items()),
    *((name, text, ["HardSwish"]) for name, text in HARD_SWISH.items()),
    *((name, text, ["LayerNormalization"]) for name, text in LAYER_NORM.items()),
    *(
        (name, text, ["Pow", "ReduceMean", "Add", "Sqrt", "Div", "Mul"])
        for name, text in ROOT_MEAN_SQUARE.items()
    ),
    *((name, text, ["LpNormalization"]) for name, text in LENGTH.items()),
    *((name, *rest) for name, rest in OTHERS.items()),
]


def network(text: str, shape: str = "4,8", outputs: str = "float[4,8] y") -> ir.Model:
    """A graph of these nodes with the constants that they name."""
    named = {name: array for name, array in CONSTANTS.items() if f"{name}" in text.replace("(", ",")}
    body = text.replace(") ", ")\n")
    return from_text(f"g (float[{shape}] x) => ({outputs}) {{ {body} }}", **named)


@pytest.mark.parametrize(("name", "text", "expected"), CASES)
def test_spelling_is_recognized(
    name: str,
    text: str,
    expected: list[str],
    canonical: Callable[..., ir.Model],
    operators: Callable[[ir.Model], list[str]],
) -> None:
    assert operators(canonical(network(text), tolerance=2e-5)) == expected


NEARLY = {
    "gelu, another factor": "d=Div(x,two) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,half)",
    "gelu, 0.707": "d=Mul(x,coarse) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,half)",
    "gelu, 0.5001": "d=Div(x,root2) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,almost)",
    "norm, mean along another axis": "m=ReduceMean<axes=[0]>(x) f=Sub(x,m) p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) "
    "a=Add(v,epsilon) s=Sqrt(a) y=Div(f,s)",
    "gelu without its half": "d=Div(x,root2) e=Erf(d) a=Add(e,one) y=Mul(x,a)",
    "gelu minus one": "d=Div(x,root2) e=Erf(d) a=Sub(e,one) m=Mul(x,a) y=Mul(m,half)",
    "gelu of another x": "z=Abs(x) d=Div(z,root2) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,half)",
    "gelu by x squared": "d=Div(x,root2) e=Erf(d) a=Add(e,one) s=Mul(x,x) m=Mul(s,a) y=Mul(m,half)",
    "gelu divided": "d=Div(root2,x) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,half)",
    "gelu by tensor": "d=Mul(x,g) e=Erf(d) a=Add(e,one) m=Mul(x,a) y=Mul(m,half)",
    "tanh, other cube": "p=Pow(x,three) q=Mul(p,half) r=Add(x,q) t=Mul(r,steep) u=Tanh(t) v=Add(u,one) w=Mul(x,half) "
    "y=Mul(w,v)",
    "tanh, square": "p=Pow(x,two) q=Mul(p,cubic) r=Add(x,q) t=Mul(r,steep) u=Tanh(t) v=Add(u,one) w=Mul(x,half) "
    "y=Mul(w,v)",
    "swish to five": "a=Add(x,three) c=Clip(a,zero,three) m=Mul(x,c) y=Div(m,six)",
    "swish around two": "a=Add(x,two) c=Clip(a,zero,six) m=Mul(x,c) y=Div(m,six)",
    "swish from minus one": "a=Add(x,three) c=Clip(a,minus,six) m=Mul(x,c) y=Div(m,six)",
    "norm without epsilon": MEAN + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) s=Sqrt(v) y=Div(f,s)",
    "norm over the first axis": "m=ReduceMean<axes=[0]>(x) f=Sub(x,m) p=Mul(f,f) v=ReduceMean<axes=[0]>(p) "
    "a=Add(v,epsilon) s=Sqrt(a) y=Div(f,s)",
    "norm, two axes": MEAN + "p=Mul(f,f) v=ReduceMean<axes=[0]>(p) a=Add(v,epsilon) s=Sqrt(a) y=Div(f,s)",
    "norm, epsilon outside": MEAN
    + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) s=Sqrt(v) a=Add(s,epsilon) y=Div(f,a)",
    "norm, computed epsilon": MEAN
    + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) k=ReduceMax<axes=[-1]>(p) a=Add(v,k) "
    "s=Sqrt(a) y=Div(f,s)",
    "norm, cubes": MEAN
    + "p=Pow(f,three) q=Abs(p) v=ReduceMean<axes=[-1]>(q) a=Add(v,epsilon) s=Sqrt(a) y=Div(f,s)",
    "norm of x by deviation": MEAN
    + "p=Mul(f,f) v=ReduceMean<axes=[-1]>(p) a=Add(v,epsilon) s=Sqrt(a) y=Div(x,s)",
    "unbiased": "m=ReduceMean<axes=[-1]>(x) f=Sub(x,m) p=Mul(f,f) t=ReduceSum(p,last) v=Mul(t,sixth) a=Add(v,epsilon) "
    "s=Sqrt(a) y=Div(f,s)",
    "length, large epsilon": "n=ReduceL2<axes=[-1]>(x) l=Max(n,half) y=Div(x,l)",
    "length of another": "z=Abs(x) n=ReduceL2<axes=[-1]>(z) l=Max(n,tiny) y=Div(x,l)",
    "sigmoid of plus": "e=Exp(x) a=Add(e,one) y=Reciprocal(a)",
    "one more": "n=Neg(x) e=Exp(n) a=Add(e,two) y=Div(x,a)",
    "softplus of two": "e=Exp(x) a=Add(e,two) y=Log(a)",
    "softplus from 3 on": "l=Softplus(x) c=Greater(x,three) y=Where(c,x,l)",
}
MADE = {"Gelu", "FastGelu", "HardSwish", "HardSigmoid", "LayerNormalization", "LpNormalization", "Sigmoid"}


@pytest.mark.parametrize("text", NEARLY.values(), ids=NEARLY)
def test_what_is_only_near_stays(
    text: str, canonical: Callable[..., ir.Model], operators: Callable[[ir.Model], list[str]]
) -> None:
    found = operators(canonical(network(text), tolerance=2e-5))
    assert not MADE & set(found)
    assert "Softplus" not in found or "Where" in found


WATCHED = {
    "erf": (GELU["x (1 + erf(x / root 2)) / 2"], "e"),
    "gate": (GELU["half first, factor"], "a"),
    "cube": (TANH["cube"], "q"),
    "clip": (HARD_SWISH["clip"], "c"),
    "mean": (LAYER_NORM["pow, sqrt, div"], "f"),
    "length": (LENGTH["torch"], "l"),
}


@pytest.mark.parametrize(("text", "inner"), WATCHED.values(), ids=WATCHED)
@pytest.mark.parametrize("way", ["output", "reader"])
def test_inner_value_that_is_read_elsewhere_stays(
    text: str,
    inner: str,
    way: str,
    canonical: Callable[..., ir.Model],
    operators: Callable[[ir.Model], list[str]],
) -> None:
    shape = "float[4,1]" if inner == "l" else "float[4,8]"
    other = inner if way == "output" else "watched"
    more = "" if way == "output" else f" watched=Ceil({inner})"
    model = canonical(network(text + more, outputs=f"float[4,8] y, {shape} {other}"), tolerance=2e-5)
    assert not MADE & set(operators(model))


def test_bias_before_a_function_is_not_a_part_of_it(
    canonical: Callable[..., ir.Model], operators: Callable[[ir.Model], list[str]]
) -> None:
    text = "z=Add(x,b) " + GELU["x (1 + erf(x / root 2)) / 2"].replace("x,", "z,").replace(",x", ",z")
    assert operators(canonical(network(text))) == ["Add", "Gelu"]


def test_scalar_operand_that_widens_the_result_stays(
    operators: Callable[[ir.Model], list[str]], canonical: Callable[..., ir.Model]
) -> None:
    text = "d=Div(x,root2) e=Erf(d) a=Add(e,wide) m=Mul(x,a) y=Mul(m,half)"
    model = from_text(
        f"g (float[1,8] x) => (float[4,8] y) {{ {text.replace(') ', ')' + chr(10))} }}",
        root2=CONSTANTS["root2"], half=CONSTANTS["half"], wide=np.ones((4, 1), np.float32),
    )  # fmt: skip
    assert "Gelu" not in operators(canonical(model))
