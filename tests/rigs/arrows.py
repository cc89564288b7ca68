"""The import graph of a package, read from its source: who imports whom, and which modules form a circle.

Imports inside functions and under TYPE_CHECKING count like any other. What is named in a string, such as the entry
of a child process or of a lazy table, does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = Mapping[str, frozenset[str]]
"""Module -> the modules of the same tree that it imports, itself left out."""


def find_modules(top: Path) -> dict[str, Path]:
    """Name -> file of every module of the package in the folder `top`, in order; linked folders are followed."""
    found = dict(_walk(top, top.name))
    return dict(sorted(found.items()))


def _walk(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _walk(path, f"{name}.{path.name}")
        elif path.suffix == ".py":
            yield (name if path.stem == "__init__" else f"{name}.{path.stem}"), path


def import_graph(modules: Mapping[str, Path]) -> Graph:
    """The graph of these modules; what they import besides is left out."""
    return {name: frozenset(_imported(name, path, modules)) - {name} for name, path in modules.items()}


def _imported(name: str, path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (found for alias in node.names for found in _nearest(alias.name, modules))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                yield from _nearest(f"{base}.{alias.name}", modules)


def _nearest(name: str, modules: Mapping[str, Path]) -> Iterator[str]:
    """The module that a dotted name means: itself, or the one that it is an attribute of."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    if name:
        yield name


def circles(graph: Graph) -> list[list[str]]:
    """The sets of modules that reach each other (strongly connected components of more than one), by Tarjan."""
    found: list[list[str]] = []
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        waiting.add(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in waiting:
                lowest[node] = min(lowest[node], order[other])
        if lowest[node] == order[node]:
            at = stack.index(node)
            members = stack[at:]
            del stack[at:]
            waiting.difference_update(members)
            if len(members) > 1:
                found.append(sorted(members))

    for each in graph:
        if each not in order:
            visit(each)
    return found
