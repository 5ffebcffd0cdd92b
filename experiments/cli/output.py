"""Output of a verb: its result as text that fits the terminal or as JSON, apart from its progress."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from experiments.cli.options import show_progress
from experiments.matrix.cell import Cell
from experiments.report.terminal import UNLIMITED, wrap_lines


def add_output(parser: ArgumentParser, *, progress: bool = False) -> None:
    """Declare --json and, for a verb that shows ``progress``, --quiet."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON, all else on standard error")
    if progress:
        add_quiet(parser)


def add_quiet(parser: ArgumentParser) -> None:
    """Declare --quiet."""
    parser.add_argument("--quiet", action="store_true", help="print no progress, and of the result only the headline")


def progress_of(options: Namespace) -> Callable[[str], None]:
    """Return what prints a line of progress: nothing does with --quiet."""
    return (lambda text: None) if options.quiet else show_progress


def terminal_width() -> int:
    """Return the columns of the terminal, or those that COLUMNS says; what is no terminal has no limit."""
    known = "COLUMNS" in os.environ or sys.stdout.isatty()
    return shutil.get_terminal_size().columns if known else UNLIMITED


@contextlib.contextmanager
def progress_aside(options: Namespace) -> Iterator[None]:
    """Send what is printed meanwhile to standard error with --json, and nowhere with --quiet."""
    with contextlib.ExitStack() as stack:
        if getattr(options, "quiet", False):
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        elif options.json:
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def print_text(text: str) -> None:
    """Print a text, fitted to the terminal."""
    print(wrap_lines(text, terminal_width()))


def print_result(options: Namespace, text: str, document: Callable[[], Any]) -> None:
    """Print the text, fitted to the terminal, or the document with --json."""
    if options.json:
        print(json.dumps(as_json(document()), indent=2, ensure_ascii=False))
    else:
        print_text(text)


def as_json(value: Any) -> Any:
    """Return a value that JSON can hold: data classes as objects, cells by their axes, what is unknown as null."""
    if isinstance(value, Cell):
        return as_json(value.axes())
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: as_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
