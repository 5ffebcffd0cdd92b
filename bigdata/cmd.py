"""Command line of the loader: ``python -m bigdata.cmd [--dburl URL] run|check|list|rebuild|clear|digest|...``.

Exit codes: 0 done, 2 bad usage or bad input, 1 failed, 130 interrupted by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from importlib import import_module
from typing import Any

from bigdata.arguments import Parser
from bigdata.database.dburl import EXAMPLE, VARIABLE
from bigdata.errors import INTERRUPTED, BadInput, Interrupted, LoadFailed

# Each verb's module in bigdata.commands, and its line of help.
VERBS = (
    ("run", "run", "load the records of a directory with one loader, and measure it"),
    ("check", "check", "try whether a loader can run here: connect, and load nothing"),
    ("session", "session", "show the database, server and settings that a connection gets"),
    ("list", "listing", "list the loaders"),
    ("rebuild", "rebuild", "drop and create the tables and the dictionary"),
    ("clear", "clear", "create what is missing and remove the loaded rows"),
    ("digest", "digest", "digest the loaded rows, or the files of a directory"),
    ("sample", "sample", "look at what the connections of the database do, until SIGTERM or Ctrl-C"),
    ("relay", "relay", "delay what passes between loader and server, until SIGTERM or Ctrl-C"),
    ("netem", "netem", "have the kernel delay what passes on the loopback interface"),
    ("round-trip", "round_trip", "measure the round trip time to an idle server"),
    ("generate", "generate", "write synthetic Census files"),
    ("fetch", "fetch", "fetch Census files of a state"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return the exit code; print errors to standard error."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        # A terminal or a file in another encoding shows what it can; that is no reason to lose a result.
        if isinstance(stream, io.TextIOWrapper):
            _show_what_it_can(stream)
    try:
        options = parse(arguments)
        code: int = options.verb_module.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough ("| head"). What is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return LoadFailed.exit_code
    except (BadInput, LoadFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"error: {INTERRUPTED}", file=sys.stderr)
        return Interrupted.exit_code
    return code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options, with the verb's module as ``verb_module``; argparse exits with 2 on bad usage."""
    parser = Parser(prog="python -m bigdata.cmd", description="Census 2000 files into PostgreSQL, row by row.")
    _add_database(parser, os.environ.get(VARIABLE))
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=argparse.ArgumentParser)
    verbs.required = True
    for verb, _, text in VERBS:
        verbs.add_parser(verb, help=text, add_help=False)
    # What the verb's own parser has to know.
    known, rest = argparse.ArgumentParser.parse_known_args(parser, arguments)
    # Only the chosen verb's module is imported: run must not hold what set-up needs.
    module = import_module(f"bigdata.commands.{next(name for verb, name, _ in VERBS if verb == known.verb)}")
    of_verb = Parser(prog=f"python -m bigdata.cmd {known.verb}", description=module.__doc__)
    _add_database(of_verb, known.dburl)
    module.add_arguments(of_verb)
    return of_verb.parse_args(rest, argparse.Namespace(**{**vars(known), "verb_module": module}))


def _add_database(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Declare --dburl, which may stand before or after the verb."""
    parser.add_argument("--dburl", default=default, metavar="URL", help=f"{EXAMPLE}; default: the variable {VARIABLE}")


def _show_what_it_can(stream: Any) -> None:
    """Escape what the stream's encoding cannot show."""
    stream.reconfigure(errors="backslashreplace")


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
