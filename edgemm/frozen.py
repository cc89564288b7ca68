"""Frozen, slotted dataclasses that take a tenth of the time to make: those that a program waits for at its start.

    from edgemm.frozen import dataclass, field

    @dataclass(frozen=True, slots=True)
    class InputCard: ...

Python's own decorator writes the source of six methods and compiles it, 0.4 ms for each class, and a model's card, file
and tensors are twenty classes. Here all classes share their methods, which look into the class's `_Plan`. What they do
not do themselves is done by a twin that Python's decorator makes of the same class when it is first needed: messages
about wrong arguments, `dataclasses.fields`, `replace`, `asdict`, `inspect.signature`. What is pickled by one is read by
the other. For values that are made a few times; those of each frame are made faster by Python's own.

Type checkers see Python's own decorator.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace

_PLAN = "_frozen_plan"
"""Where a class has its plan."""
_NOT_COPIED = ("__dict__", "__weakref__")


class _Made:
    """What `field` was told."""

    __slots__ = ("factory", "repr")

    def __init__(self, factory: Callable[[], Any], repr_: bool) -> None:
        self.factory, self.repr = factory, repr_


class _Plan:
    """What the methods have to know of a class."""

    __slots__ = ("_eq", "_of", "_twin", "defaults", "names", "setters")

    def __init__(self, of: type, names: tuple[str, ...], eq: bool) -> None:
        self._of, self._eq, self.names = of, eq, names
        self.defaults = {name: item for name, item in vars(of).items() if name in names}
        self.setters: list[Callable[[Any, Any], None]] = []
        self._twin: Any = None

    def twin(self) -> Any:
        """The class as Python's own decorator makes it, of a copy."""
        if self._twin is None:
            import dataclasses

            body = {name: item for name, item in vars(self._of).items() if name not in _NOT_COPIED}
            for name, default in self.defaults.items():
                if isinstance(default, _Made):
                    body[name] = dataclasses.field(default_factory=default.factory, repr=default.repr)
            copied = type(self._of)(self._of.__name__, self._of.__bases__, body)
            copied.__qualname__ = self._of.__qualname__
            self._twin = dataclasses.dataclass(frozen=True, slots=True, eq=self._eq)(copied)
        return self._twin


class _FromTwin:
    """An attribute of a class that its twin has."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: Any) -> Any:
        return getattr(owner._frozen_plan.twin(), self._name)


class _Signature:
    """`inspect.signature` of a class; a class that is derived of it has another."""

    __slots__ = ()

    def __get__(self, instance: object, owner: Any) -> Any:
        if _PLAN not in vars(owner):
            raise AttributeError("__signature__")
        import inspect

        return inspect.signature(owner._frozen_plan.twin())


def _frozen_dataclass(*, frozen: bool, slots: bool, eq: bool = True) -> Callable[[type], type]:
    """Python's `dataclass`, for these settings; a class has a docstring, no `__post_init__`, and no dataclass
    above it."""
    assert frozen
    assert slots
    return lambda kind: _make(kind, eq)


def _frozen_field(*, default_factory: Callable[[], Any], repr: bool = True) -> Any:
    """Python's `field`, for these settings."""
    return _Made(default_factory, repr)


def _frozen_replace(value: Any, /, **changes: Any) -> Any:
    """Python's `replace`, for dataclasses of either kind."""
    kind = type(value)
    if _PLAN not in vars(kind):
        from dataclasses import replace

        return replace(value, **changes)
    return kind(
        **{name: getattr(value, name) for name in kind._frozen_plan.names if name not in changes}, **changes
    )


def field_names(kind: Any) -> tuple[str, ...]:
    """Of a dataclass of either kind, in their order."""
    if _PLAN in vars(kind):
        found: tuple[str, ...] = kind._frozen_plan.names
        return found
    from dataclasses import fields

    return tuple(each.name for each in fields(kind))


def required_names(kind: Any) -> tuple[str, ...]:
    """Those of its fields that have no default."""
    if _PLAN in vars(kind):
        return tuple(name for name in field_names(kind) if name not in kind._frozen_plan.defaults)
    from dataclasses import MISSING, fields

    return tuple(
        each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING
    )


def is_frozen(value: object) -> bool:
    """Whether it is an object of a dataclass, of either kind; asks for no twin."""
    kind = type(value)
    return _PLAN in vars(kind) or hasattr(kind, "__dataclass_fields__")


def _make(kind: type, eq: bool) -> type:
    if any(hasattr(base, "__dataclass_fields__") for base in kind.__bases__):
        raise TypeError(f"{kind.__name__}: is derived of a dataclass. Take Python's own decorator")
    names = tuple(name for name, told in kind.__annotations__.items() if not told.startswith("ClassVar"))
    left_out = {*names, *_NOT_COPIED}
    plan = _Plan(kind, names, eq)
    body = _SHARED | (_COMPARING if eq else {})
    body |= {name: item for name, item in vars(kind).items() if name not in left_out}
    body |= {"__qualname__": kind.__qualname__, "__slots__": names, "__match_args__": names, _PLAN: plan}
    made = type(kind)(kind.__name__, kind.__bases__, body)
    plan.setters += [vars(made)[name].__set__ for name in names]
    return made


def _init(self: Any, *values: Any, **named: Any) -> None:
    plan: _Plan = self._frozen_plan
    count, names = len(values), plan.names
    if count > len(names):
        _refuse(plan, values, named)
    for put, value in zip(plan.setters, values):  # noqa: B905  there may be fewer
        put(self, value)
    left = len(named)
    for put, name in zip(plan.setters[count:], names[count:], strict=True):
        if name in named:
            put(self, named[name])
            left -= 1
        elif name in plan.defaults:
            default = plan.defaults[name]
            put(self, default.factory() if isinstance(default, _Made) else default)
        else:
            _refuse(plan, values, named)
    if left:
        _refuse(plan, values, named)


def _refuse(plan: _Plan, values: tuple[Any, ...], named: dict[str, Any]) -> NoReturn:
    """Arguments that are not the fields', in Python's own words."""
    plan.twin()(*values, **named)
    raise AssertionError("the twin takes other arguments")


def _repr(self: Any) -> str:
    plan: _Plan = self._frozen_plan
    told = [
        f"{name}={getattr(self, name)!r}"
        for name in plan.names
        if not isinstance(default := plan.defaults.get(name), _Made) or default.repr
    ]
    return f"{type(self).__qualname__}({', '.join(told)})"


def _values(of: Any) -> tuple[Any, ...]:
    return tuple(getattr(of, name) for name in of._frozen_plan.names)


def _eq(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _setattr(self: Any, name: str, value: Any) -> None:
    _keep(self, name, "assign to")
    object.__setattr__(self, name, value)


def _delattr(self: Any, name: str) -> None:
    _keep(self, name, "delete")
    object.__delattr__(self, name)


def _keep(value: Any, name: str, doing: str) -> None:
    """Raises, but for an attribute that a derived class has beside the fields."""
    if _PLAN in vars(type(value)) or name in value._frozen_plan.names:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot {doing} field {name!r}")


def _getstate(self: Any) -> list[Any]:
    """For copies and pickles, which have the values alone."""
    return list(_values(self))


def _setstate(self: Any, state: list[Any]) -> None:
    for put, value in zip(self._frozen_plan.setters, state):  # noqa: B905  of a version with fewer fields
        put(self, value)


_SHARED: dict[str, Any] = {
    "__init__": _init,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
    "__dataclass_fields__": _FromTwin("__dataclass_fields__"),
    "__dataclass_params__": _FromTwin("__dataclass_params__"),
    "__signature__": _Signature(),
}
_COMPARING: dict[str, Any] = {"__eq__": _eq, "__hash__": _hash}
if sys.version_info >= (3, 13):
    _SHARED["__replace__"] = _frozen_replace
if not TYPE_CHECKING:
    dataclass, field, replace = _frozen_dataclass, _frozen_field, _frozen_replace
