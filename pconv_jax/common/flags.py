"""What a command says of flags that cannot be read: one sentence in place of tyro's boxes."""

import contextlib
import io
import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from pconv_jax.common.output import plain_text

_SUGGESTED = re.compile(r"(?:Perhaps you meant|Arguments similar to).*?(--[\w.-]+)", re.DOTALL)
_SUBCOMMANDS = re.compile(r"Available subcommands: ((?:[\w-]+, )*[\w-]+)")
_DASHED = "give a path that begins with a dash as ./-NAME"
_WORDS = {"INT": "whole number", "FLOAT": "number", "PATH": "path", "STR": "text"}


@contextlib.contextmanager
def mistakes_in_a_sentence(arguments: Sequence[str], *, subcommands: bool = False) -> Iterator[None]:
    """Says what is wrong with flags in one line, where `tyro.cli` inside would draw a box around a page of text.

    Args:
        arguments: what `tyro.cli` will read.
        subcommands: whether the first of them is one of several commands.

    Raises:
        SystemExit: by tyro, with code 2, once the line is printed.
    """
    try:
        from tyro._errors import on_parse_error
    except ImportError:  # tyro says it may go without notice; then there are boxes
        yield
        return
    boxes, found = io.StringIO(), list[Any]()
    with contextlib.ExitStack() as hidden:

        def on_mistake(event: object) -> None:
            found.append(event)
            hidden.enter_context(contextlib.redirect_stderr(boxes))

        try:
            with on_parse_error(on_mistake):
                yield
        except SystemExit:
            hidden.close()
            if found:
                print(
                    plain_text(f"error: {_sentence(found[-1], arguments, boxes.getvalue(), subcommands)}"),
                    file=sys.stderr,
                )
            raise


def _sentence(event: Any, arguments: Sequence[str], box: str, subcommands: bool) -> str:
    text = " ".join(re.sub(r"[─│╭╮╰╯]", " ", box).split())
    progs = event._help_progs()  # several, where they lack different flags
    prog = progs if isinstance(progs, str) else progs[0]
    if subcommands and type(event).__name__ == "UnrecognizedArgs" and not arguments[0].startswith("-"):
        prog += f" {arguments[0]}"  # tyro names only the program then
    seeing = f"{prog} --help lists what there is"
    match type(event).__name__:
        case "UnrecognizedArgs":
            return _unknown(event.tokens, arguments, text, seeing)
        case "MissingArgs":
            names = ", ".join(_name(each.arg) for each in event.missing_arguments)
            missing = f"{names} {'is' if len(event.missing_arguments) == 1 else 'are'} missing"
            extra = [token for token in event.unrecognized_tokens if token.startswith("-")]
            return f"{missing}, and {extra[0]} is unknown: {seeing}" if extra else f"{missing}: {seeing}"
        case "MissingSubcommand":
            return f"say what to do: choose from {', '.join(event.subcommand_spec.parser_from_name)}"
        case "InstantiationFailure" if event.argument is not None:
            return _wrong(event.argument, arguments)
        case "InstantiationFailure":  # a check of what the flags are read into
            return str(event.message)
        case "InvalidChoice":
            return _wrong(event.argument, arguments)
        case "BadValue" if event.reason == "too_few_values":
            if event.argument.is_positional():
                return f"{_name(event.argument)} needs {_kind(event.argument)}: {_DASHED}"
            return f"{_name(event.argument)} needs {_kind(event.argument)}: give it after the flag"
    return text  # without the box


def _unknown(tokens: Sequence[str], arguments: Sequence[str], text: str, seeing: str) -> str:
    if dashed := next((token for token in tokens if token.startswith("-") and os.path.lexists(token)), None):
        return f"unknown {dashed}, which is a file too: {_DASHED}"
    early = itertools.takewhile(lambda argument: not argument.startswith("-"), arguments)
    if os.path.lexists(tokens[0]) and any(os.path.lexists(each) for each in early if each not in tokens):
        return f"unknown {tokens[0]}: name all files together, before the flags"
    # What follows an unknown flag is its value.
    names = [token for token in tokens if token.startswith("-")] or tokens
    if suggested := _SUGGESTED.search(text):
        return f"unknown {', '.join(names)}: did you mean {suggested[1]}?"
    if subcommands := _SUBCOMMANDS.search(text):
        return f"unknown {', '.join(names)}: choose from {subcommands[1]}"
    return f"unknown {', '.join(names)}: {seeing}"


def _wrong(argument: Any, arguments: Sequence[str]) -> str:
    flag, values = _given(argument, arguments)
    return f"{flag} is {repr(' '.join(values)) if values else 'empty'}, but it must be {_kind(argument)}"


def _name(argument: Any) -> str:
    name = str(argument.lowered.name_or_flags[-1])
    # Positional arguments of a function are those of a class that tyro makes.
    return name.rpartition(".")[2].upper() if argument.is_positional() else name


def _given(argument: Any, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """A flag as it was given last, and its values."""
    lowered = argument.lowered
    for place in reversed(range(len(arguments))):
        name, _, value = arguments[place].partition("=")
        if name.replace("_", "-") in lowered.name_or_flags:
            rest = arguments[place + 1 :][: lowered.nargs if isinstance(lowered.nargs, int) else None]
            end = next((at for at, each in enumerate(rest) if re.match(r"--?[a-zA-Z]", each)), len(rest))
            return name, [value] if value else list(rest[:end])
    return _name(argument), []


def _kind(argument: Any) -> str:
    """What a flag takes, in words: `{None,auto}|FLOAT` is 'auto or a number'."""
    lowered = argument.lowered
    if lowered.choices:
        return f"one of {', '.join(lowered.choices)}"
    ways = []
    for way in re.split(r"\|(?![^{]*\})", str(lowered.metavar or "")):
        names = way.strip("{}[]").split()
        word = _WORDS.get(names[0]) if names else None
        if word is None:
            ways += [name for name in way.strip("{}").split(",") if name != "None"]
        elif "..." in way:
            ways.append(f"{word}s")
        else:
            ways.append(f"a {word}" if len(names) == 1 else f"{len(names)} {word}s")
    return " or ".join(ways)
