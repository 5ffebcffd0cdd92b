"""Command line of the harness, ``python -m experiments VERB``, and its exit codes."""

from __future__ import annotations

# Only what is small: no signal may come before the handlers are there. The rest is imported where it is used.
import os
import sys
from collections.abc import Sequence

from experiments.signals import INTERRUPTED, interrupt_on_signals, stop_with_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

VERBS = "matrix tables publish compare predict explain count bench ledger images interpreters lock schema clean".split()  # noqa: SIM905
"""Modules of ``experiments.cli``, in the order of the help."""

FAILED = 1
BAD_INPUT = 2

PARENT = "BIGDATA_STOP_WITH_PARENT"
"""Variable with the id of the process without which the harness must not run: nox's."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0 done, 1 failed or an interrupted campaign, 2 bad input, 130 interrupted."""
    try:
        return _run_verb(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    return INTERRUPTED


def _run_verb(arguments: Sequence[str] | None) -> int:
    from experiments.errors import BadInput, Failure, Unsupported
    from experiments.files import describe_os_error

    asked = sys.argv[1:] if arguments is None else arguments
    options = make_parser(*asked[:1]).parse_args(asked)
    try:
        return int(options.run(options))
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except (Failure, Unsupported) as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {describe_os_error(error)}", file=sys.stderr)
    return FAILED


def make_parser(asked: str = "") -> argparse.ArgumentParser:
    """Return the parser of the verb that is asked for, or of all, each with the options that its module declares.

    Modules of the others are not imported: that would take a second.
    """
    import importlib

    from bigdata.arguments import Parser
    from experiments.cli.options import add_version

    parser = Parser(prog="python -m experiments", description="The experiment matrix and its tools.")
    add_version(parser)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name in [asked] if asked in VERBS else VERBS:
        module = importlib.import_module(f"experiments.cli.{name}")
        summary = (module.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(name, help=summary, description=summary)
        module.add_arguments(verb)
        add_version(verb)
        verb.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    interrupt_on_signals()
    if PARENT in os.environ:
        stop_with_parent(int(os.environ[PARENT]))
    sys.exit(main())
