"""The script for fish, 3.0 or newer."""

from __future__ import annotations

from edgemm.cli.completions.tree import Command, Option, Value

_HEAD = """\
# fish completion for edgemm, written by `edgemm completions fish`
function __edgemm_at
    # The words before the cursor that are not options begin with these, and no more than `count` stand behind them.
    set -l count $argv[1]
    set -l path $argv[2..-1]
    set -l words
    set -l skip 0
    for word in (commandline -opc)
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            if contains -- $word {taking}
                set skip 1
            end
        else
            set -a words $word
        end
    end
    set words[1] edgemm
    set -l depth (count $path)
    test (count $words) -ge $depth; or return 1
    test "$words[1..$depth]" = "$path"; or return 1
    test $count -lt 0; and return 0
    test (math (count $words) - $depth) -eq $count
end
complete -c edgemm -f
"""


def script(tree: Command) -> str:
    """The whole script."""
    every = list(tree.all())
    taking = sorted(
        {
            name
            for each in every
            for option in each.options
            if option.value is not None
            for name in option.names
        }
    )
    lines = [_HEAD.replace("{taking}", " ".join(taking)).rstrip("\n")]
    for each in every:
        lines += _commands(each) + _arguments(each) + [_option(each, option) for option in each.options]
    return "\n".join(lines) + "\n"


def _at(each: Command, count: int) -> str:
    return f"complete -c edgemm -n '__edgemm_at {count} {' '.join(each.path)}'"


def _commands(each: Command) -> list[str]:
    return [f"{_at(each, 0)} -a {inner.path[-1]} -d {_quoted(inner.about)}" for inner in each.commands]


def _arguments(each: Command) -> list[str]:
    return [f"{_at(each, index)}{_value(value)}" for index, value in enumerate(each.arguments)]


def _option(each: Command, option: Option) -> str:
    # an option of a command that has commands of its own stands before them: 0 words behind it
    where = _at(each, 0 if each.commands else -1)
    names = "".join(
        f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.names
    )
    value = "" if option.value is None else f" {'-r' if option.value.files else '-x'}{_value(option.value)}"
    return f"{where}{names}{value} -d {_quoted(option.about)}"


def _value(value: Value) -> str:
    if value.words:
        return f" -a {_quoted(' '.join(value.words))}"
    return " -F" if value.files else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
