"""Frozen, slotted dataclasses that take a twentieth of the time to make: those that a program waits for at its start.

    from edgemm.frozen import dataclass, field

    @dataclass(frozen=True, slots=True)
    class InputCard: ...

Python's own decorator writes the source of six methods and compiles it, 0.4 ms for each class, and a model's card, file
and tensors are twenty classes. Here the methods are closures over the names of the fields. All that they do not do
themselves is done by a twin that Python's decorator makes of the same class when it is first needed: messages about
wrong arguments, `dataclasses.fields`, `replace`, `asdict`, `inspect.signature`. What is pickled by one is read by the
other. For values that are made a few times; those of each frame are made faster by Python's own.

Type checkers see Python's own decorator.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import replace as replace

_NAMES = "__match_args__"
"""Where a class has the names of its fields, in their order, as Python's own has."""
_PLAN = "_frozen_plan"
_NOT_COPIED = ("__dict__", "__weakref__")


class _Made:
    """What `field` was told."""

    __slots__ = ("factory", "repr")

    def __init__(self, factory: Callable[[], Any], repr_: bool) -> None:
        self.factory, self.repr = factory, repr_


class _Twin:
    """The class as Python's own decorator makes it, when something of it is first asked for."""

    __slots__ = ("_eq", "_made", "_of", "defaults")

    def __init__(self, of: type, defaults: dict[str, Any], eq: bool) -> None:
        self._of, self.defaults, self._eq = of, defaults, eq
        self._made: Any = None

    def __call__(self) -> Any:
        if self._made is None:
            import dataclasses

            body = {name: item for name, item in vars(self._of).items() if name not in _NOT_COPIED}
            for name, default in self.defaults.items():
                if isinstance(default, _Made):
                    body[name] = dataclasses.field(default_factory=default.factory, repr=default.repr)
            copied = type(self._of)(self._of.__name__, self._of.__bases__, body)
            copied.__qualname__ = self._of.__qualname__
            self._made = dataclasses.dataclass(frozen=True, slots=True, eq=self._eq)(copied)
        return self._made


class _FromTwin:
    """An attribute of the class that its twin has."""

    __slots__ = ("_get", "_twin")

    def __init__(self, twin: _Twin, get: Callable[[Any], Any]) -> None:
        self._twin, self._get = twin, get

    def __get__(self, instance: object, owner: type) -> Any:
        return self._get(self._twin())


class _Signature(_FromTwin):
    """Of the class itself; its subclasses have others."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type) -> Any:
        if _PLAN not in vars(owner):
            raise AttributeError("__signature__")
        return super().__get__(instance, owner)


def _signature(kind: type) -> Any:
    import inspect

    return inspect.signature(kind)


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
    names = vars(type(value)).get(_NAMES)
    if names is None or _PLAN not in vars(type(value)):
        from dataclasses import replace

        return replace(value, **changes)
    return type(value)(**{name: getattr(value, name) for name in names if name not in changes}, **changes)


def field_names(kind: type) -> tuple[str, ...]:
    """Of a dataclass of either kind, in their order."""
    if _PLAN in vars(kind):
        found: tuple[str, ...] = vars(kind)[_NAMES]
        return found
    from dataclasses import fields

    return tuple(each.name for each in fields(kind))


def required_names(kind: type) -> tuple[str, ...]:
    """Those of its fields that have no default."""
    if _PLAN in vars(kind):
        twin: _Twin = vars(kind)[_PLAN]
        return tuple(name for name in field_names(kind) if name not in twin.defaults)
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
    own = vars(kind)
    names = tuple(name for name, told in kind.__annotations__.items() if not told.startswith("ClassVar"))
    twin = _Twin(kind, {name: own[name] for name in names if name in own}, eq)
    setters: list[Callable[[Any, Any], None]] = []
    body = {name: item for name, item in own.items() if name not in (*names, *_NOT_COPIED)}
    body |= {"__qualname__": kind.__qualname__, "__slots__": names, _NAMES: names, _PLAN: twin}
    if sys.version_info >= (3, 13):
        body["__replace__"] = _frozen_replace
    body["__init__"] = _init(names, twin, setters)
    body |= _guards(names) | _state(names, setters) | (_comparisons(names) if eq else {})
    body.setdefault("__repr__", _repr(names, twin))
    for name in ("__dataclass_fields__", "__dataclass_params__"):
        body[name] = _FromTwin(twin, attrgetter(name))
    body["__signature__"] = _Signature(twin, _signature)
    made = type(kind)(kind.__name__, kind.__bases__, body)
    setters += [vars(made)[name].__set__ for name in names]
    return made


def _init(
    names: tuple[str, ...], twin: _Twin, setters: list[Callable[[Any, Any], None]]
) -> Callable[..., None]:
    defaults = twin.defaults

    def __init__(self: Any, *values: Any, **named: Any) -> None:
        count = len(values)
        if count > len(names):
            twin()(*values, **named)  # raises, as a call with other arguments than there are fields
        for put, value in zip(setters, values):  # noqa: B905  there may be fewer
            put(self, value)
        for put, name in zip(setters[count:], names[count:], strict=True):
            if name in named:
                put(self, named.pop(name))
            elif name in defaults:
                default = defaults[name]
                put(self, default.factory() if isinstance(default, _Made) else default)
            else:
                twin()(*values, **named)
        if named:
            twin()(*values, **named)

    return __init__


def _repr(names: tuple[str, ...], twin: _Twin) -> Callable[[Any], str]:
    defaults = twin.defaults
    told = [name for name in names if not isinstance(default := defaults.get(name), _Made) or default.repr]

    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in told)})"

    return __repr__


def _comparisons(names: tuple[str, ...]) -> dict[str, Any]:
    def values(of: Any) -> tuple[Any, ...]:
        return tuple(getattr(of, name) for name in names)

    def __eq__(self: Any, other: object) -> bool:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def _guards(names: tuple[str, ...]) -> dict[str, Any]:
    def refuse(self: Any, name: str, doing: str) -> None:
        if _PLAN in vars(type(self)) or name in names:  # else a subclass's own
            from dataclasses import FrozenInstanceError

            raise FrozenInstanceError(f"cannot {doing} field {name!r}")

    def __setattr__(self: Any, name: str, value: Any) -> None:
        refuse(self, name, "assign to")
        object.__setattr__(self, name, value)

    def __delattr__(self: Any, name: str) -> None:
        refuse(self, name, "delete")
        object.__delattr__(self, name)

    return {"__setattr__": __setattr__, "__delattr__": __delattr__}


def _state(names: tuple[str, ...], setters: list[Callable[[Any, Any], None]]) -> dict[str, Any]:
    """For copies and pickles, which have the values alone."""

    def __getstate__(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:
        for put, value in zip(setters, state):  # noqa: B905  of a version with fewer fields, as Python's own
            put(self, value)

    return {"__getstate__": __getstate__, "__setstate__": __setstate__}


if not TYPE_CHECKING:
    dataclass, field, replace = _frozen_dataclass, _frozen_field, _frozen_replace
