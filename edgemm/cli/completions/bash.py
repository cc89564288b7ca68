"""The script for bash, 3.2 or newer; it needs no package."""

from __future__ import annotations

import shlex

from edgemm.cli.completions.tree import Command, Value

_FRAME = """\
# bash completion for edgemm, written by `edgemm completions bash`
_edgemm() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} path=edgemm option= count=0 index=1 word
    COMPREPLY=()
    if [[ $cur == = ]]; then cur=; fi
    while (( index < COMP_CWORD )); do
        word=${{COMP_WORDS[index]}}
        if [[ $word == = ]]; then
            :
        elif [[ -n $option ]]; then
            option=
        elif [[ $word == -* ]]; then
            case "$path $word" in
{taking}
                    option=$word ;;
            esac
        else
            case "$path $word" in
{paths}
                    path="$path $word" ;;
                *) (( count += 1 )) ;;
            esac
        fi
        (( index += 1 ))
    done
    local words= files=
    if [[ -n $option ]]; then
        case "$path $option" in
{values}
        esac
    elif [[ $cur == -* ]]; then
        case "$path" in
{options}
        esac
    else
        case "$path $count" in
{arguments}
        esac
    fi
    local line
    if [[ -n $words ]]; then
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "$words" -- "$cur")
    elif [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
    fi
}}
complete -F _edgemm edgemm
"""


def script(tree: Command) -> str:
    """The whole script."""
    every = list(tree.all())
    taking, values, options, arguments = [], [], [], []
    for each in every:
        path = " ".join(each.path)
        options.append((path, Value(tuple(name for option in each.options for name in option.names))))
        if each.commands:
            arguments.append((f"{path} 0", Value(tuple(inner.path[-1] for inner in each.commands))))
        arguments += [(f"{path} {index}", value) for index, value in enumerate(each.arguments)]
        for option in each.options:
            if option.value is not None:
                taking += [f"{path} {name}" for name in option.names]
                values += [(f"{path} {name}", option.value) for name in option.names]
    return _FRAME.format(
        taking=_patterns(taking),
        paths=_patterns([" ".join(each.path) for each in every[1:]]),
        values=_cases(values),
        options=_cases(options),
        arguments=_cases(arguments),
    )


def _patterns(texts: list[str]) -> str:
    return "|\\\n".join(f"                {shlex.quote(text)}" for text in texts) + ")"


def _cases(entries: list[tuple[str, Value]]) -> str:
    lines = []
    for pattern, value in entries:
        what = (
            f"words={shlex.quote(' '.join(value.words))}"
            if value.words
            else "files=1"
            if value.files
            else ":"
        )
        lines.append(f"            {shlex.quote(pattern)}) {what} ;;")
    return "\n".join(lines)
