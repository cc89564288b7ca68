"""A dataclass of `edgemm.frozen` is what Python's own decorator makes of the same class, in all that can be seen."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pydoc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from edgemm import frozen
from edgemm.frozen import field_names, is_frozen, replace, required_names

pytestmark = pytest.mark.device


def made_by(dataclass: Any, field: Any, eq: bool = True) -> Any:
    @dataclass(frozen=True, slots=True, eq=eq)
    class Thing:
        """Something."""

        name: str
        size: int = 3
        shape: tuple[int, ...] = ()
        more: dict[str, Any] = field(default_factory=dict)
        hidden: dict[str, Any] = field(default_factory=dict, repr=False)

        LIMIT: ClassVar[int] = 4

        @property
        def twice(self) -> int:
            """Of `size`."""
            return 2 * self.size

    Thing.__qualname__ = "Thing"  # as if it stood at the top
    return Thing


Ours, Pythons = made_by(frozen.dataclass, frozen.field), made_by(dataclasses.dataclass, dataclasses.field)
Thing = Ours
"""By this name it is pickled."""


def said(action: Callable[[Any], Any], kind: Any) -> str:
    """What it gives, or the error that it raises."""
    try:
        return repr(action(kind))
    except (TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    "action",
    [
        lambda kind: kind("a"),
        lambda kind: kind("a", 4, (1,), {"b": 2}, {"c": 3}),
        lambda kind: kind(name="a", hidden={"c": 3}).hidden,
        lambda kind: kind(),
        lambda kind: kind(size=2),
        lambda kind: kind("a", 1, (), {}, {}, 7),
        lambda kind: kind("a", other=1),
        lambda kind: kind("a", name="b"),
        lambda kind: kind("a") == kind("a"),
        lambda kind: kind("a") == kind("a", hidden={"c": 3}),
        lambda kind: kind("a") == kind("b"),
        lambda kind: kind("a") == ("a", 3, (), {}, {}),
        lambda kind: kind("a") < kind("b"),
        lambda kind: hash(kind("a")),
        lambda kind: hash(kind("a", 1, (), (), ())) == hash(("a", 1, (), (), ())),
        lambda kind: setattr(kind("a"), "size", 4),
        lambda kind: delattr(kind("a"), "size"),
        lambda kind: kind("a").twice,
        lambda kind: kind.LIMIT,
        lambda kind: kind.__match_args__,
        lambda kind: kind.__slots__,
        lambda kind: kind.__doc__,
        lambda kind: hasattr(kind("a"), "__dict__"),
        lambda kind: inspect.signature(kind),
        lambda kind: dataclasses.is_dataclass(kind),
        lambda kind: [(each.name, each.type, each.default, each.repr) for each in dataclasses.fields(kind)],
        lambda kind: dataclasses.asdict(kind("a", more={"b": [1]})),
        lambda kind: dataclasses.astuple(kind("a")),
        lambda kind: dataclasses.replace(kind("a"), size=9),
        lambda kind: dataclasses.replace(kind("a"), other=9),
        lambda kind: replace(kind("a", more={"b": 1}), size=9),
        lambda kind: getattr(copy, "replace", dataclasses.replace)(kind("a"), size=9),  # from 3.13 on
        lambda kind: hasattr(kind, "__replace__"),
        lambda kind: weakref.ref(kind("a")),
        lambda kind: kind.__module__,
        lambda kind: pydoc.plain(pydoc.render_doc(kind)).partition(" |  Methods")[0],
        lambda kind: kind(*range(5)) == kind(*range(5)),
        lambda kind: kind("a") != kind("a"),
        lambda kind: kind("a", 1.0) == kind("a", 1),
        lambda kind: kind("a", float("nan")) == kind("a", float("nan")),
        lambda kind: [kind(*"abcde"[:count]) for count in range(1, 6)],
        lambda kind: kind("a", hidden={}, size=2, more={}, shape=()),
        lambda kind: dataclasses.asdict(kind("a", more={"b": kind("c")})),
        lambda kind: copy.copy(kind("a", 5)),
        lambda kind: copy.deepcopy(kind("a", 5)),
        lambda kind: kind("a").more is not kind("a").more,
        lambda kind: kind.__dataclass_params__,
        field_names,
        required_names,
        lambda kind: (is_frozen(kind("a")), is_frozen(kind), is_frozen(3)),
    ],
)
def test_it_is_what_pythons_own_is(action: Callable[[Any], Any]) -> None:
    assert said(action, Ours) == said(action, Pythons)


def test_nothing_else_is_set_on_it() -> None:
    """Python's own raises a TypeError of another kind here, by mistake."""
    for name in ("twice", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=name):
            setattr(Ours("a"), name, 4)


def test_no_default_is_shared() -> None:
    first = Ours("a")
    first.more["b"] = 1
    assert Ours("a").more == {}


def test_threads_that_ask_for_the_twin_at_once_all_have_it() -> None:
    ours, found = made_by(frozen.dataclass, frozen.field), []
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        found.append([each.name for each in dataclasses.fields(ours)])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [list(field_names(Ours))] * 8


def test_what_is_pickled_is_read_by_both() -> None:
    state = pickle.dumps(Ours("a", 5))
    assert pickle.loads(state) == Ours("a", 5)
    assert Ours("a", 5).__getstate__() == Pythons("a", 5).__getstate__()
    again = Ours.__new__(Ours)
    again.__setstate__(Pythons("b", 6).__getstate__())
    assert again == Ours("b", 6)


def test_without_eq_each_is_itself() -> None:
    ours = made_by(frozen.dataclass, frozen.field, eq=False)
    first = ours("a")
    assert first == first
    assert first != ours("a")
    assert len({first, ours("a")}) == 2


def test_it_can_be_matched() -> None:
    match Ours("a", 5):
        case Thing(name, size):
            assert (name, size) == ("a", 5)


def test_pythons_own_may_be_derived_of_it_and_not_the_other_way() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Derived(Ours):  # type: ignore[valid-type, misc]
        """More."""

        last: int = 7

    assert [each.name for each in dataclasses.fields(Derived)][-1] == "last"
    assert Derived("a", last=8).last == 8
    assert "last" in inspect.signature(Derived).parameters
    assert field_names(Derived) == (*field_names(Ours), "last")
    with pytest.raises(dataclasses.FrozenInstanceError):
        Derived("a").size = 2
    with pytest.raises(TypeError, match="Python's own"):

        @frozen.dataclass(frozen=True, slots=True)
        class Below(Ours):  # type: ignore[valid-type, misc]
            """Less."""


def test_it_is_made_without_the_module_dataclasses() -> None:
    program = """
import sys
from typing import Any
from edgemm.frozen import dataclass, field, field_names, replace, required_names, is_frozen
@dataclass(frozen=True, slots=True)
class Thing:
    name: "str"
    more: "dict[str, Any]" = field(default_factory=dict)
one = replace(Thing("a"), more={"b": 1})
assert one == Thing("a", {"b": 1}) and is_frozen(one) and field_names(Thing) and required_names(Thing) and repr(one)
print("dataclasses" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "False\n"
