"""The script for zsh, 5.0 or newer, with its completion system (`compinit`)."""

from __future__ import annotations

from collections.abc import Iterator

from edgemm.cli.completions.tree import Command, Option, Value


def script(tree: Command) -> str:
    """The whole script."""
    functions = [line for each in tree.all() for line in _function(each)]
    head = ["#compdef edgemm", "# zsh completion for edgemm, written by `edgemm completions zsh`"]
    # read from a file in fpath, the file is the function; sourced, it registers it
    tail = [
        "if [[ $funcstack[1] == _edgemm ]]; then",
        '    _edgemm "$@"',
        "else",
        "    compdef _edgemm edgemm",
        "fi",
    ]
    return "\n".join([*head, *functions, *tail]) + "\n"


def _function(each: Command) -> Iterator[str]:
    specs = [_option(option) for option in each.options]
    yield f"{_name(each)}() {{"
    if each.commands:
        yield "    local context state state_descr line"
        yield "    typeset -A opt_args"
        specs += ["'1:command:->command'", "'*::argument:->argument'"]
    else:
        specs += [f"'{index}:{_value(value)}'" for index, value in enumerate(each.arguments, start=1)]
    yield "    _arguments -s -S " + " \\\n        ".join(specs)
    yield from _inner(each)
    yield "}"


def _inner(each: Command) -> Iterator[str]:
    if not each.commands:
        return
    described = " ".join(f"'{inner.path[-1]}:{_escaped(inner.about, ':')}'" for inner in each.commands)
    yield "    case $state in"
    yield "        command)"
    yield f"            local -a commands=({described})"
    yield "            _describe command commands ;;"
    yield "        argument)"
    yield "            case $line[1] in"
    yield from (f"                {inner.path[-1]}) {_name(inner)} ;;" for inner in each.commands)
    yield "            esac ;;"
    yield "    esac"


def _name(each: Command) -> str:
    return "_" + "_".join(each.path)


def _option(option: Option) -> str:
    value = "" if option.value is None else f":{_value(option.value)}"
    about = f"[{_escaped(option.about, ':[]')}]"
    if len(option.names) == 1:
        star = "*" if option.repeats else ""
        return f"'{star}{option.names[0]}{'=' * bool(value)}{about}{value}'"
    alternatives = ",".join(option.names)
    return f"'({' '.join(option.names)})'{{{alternatives}}}'{about}{value}'"


def _value(value: Value) -> str:
    if value.words:
        return f"value:({' '.join(value.words)})"
    return "file:_files" if value.files else "value:"


def _escaped(text: str, special: str) -> str:
    for sign in special:
        text = text.replace(sign, f"\\{sign}")
    return text.replace("'", "'\\''")
