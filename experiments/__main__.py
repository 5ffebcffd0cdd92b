"""Command line of the harness, ``python -m experiments VERB``, and its exit codes."""

from __future__ import annotations

# Only what is small: no signal may come before the handlers are there. The rest is imported where it is used.
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

VERBS = "matrix tables publish compare predict explain count bench ledger images interpreters lock schema clean".split()  # noqa: SIM905
"""Modules of ``experiments.cli``, in the order of the help."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

PARENT = "BIGDATA_STOP_WITH_PARENT"
"""Variable with the id of the process without which the harness must not run: nox's."""

_PR_SET_PDEATHSIG = 1


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

    options = make_parser().parse_args(arguments)
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


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs, each with the options that its module declares."""
    import importlib

    from bigdata.arguments import Parser

    parser = Parser(prog="python -m experiments", description="The experiment matrix and its tools.")
    version = f"bigdata-matrix {read_version()}"
    parser.add_argument("--version", action="version", version=version, help="print the version")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name in VERBS:
        module = importlib.import_module(f"experiments.cli.{name}")
        summary = (module.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(name, help=summary, description=summary)
        module.add_arguments(verb)
        verb.add_argument("--version", action="version", version=version, help="print the version")
        verb.set_defaults(run=module.run)
    return parser


def read_version() -> str:
    """Return the version of the checkout that runs."""
    import tomllib
    from pathlib import Path

    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on the first signal to stop; ignore further ones, which would disturb the clean-up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for stop in STOP_SIGNALS:
            signal.signal(stop, signal.SIG_IGN)
        raise KeyboardInterrupt

    for stop in STOP_SIGNALS:
        # nohup ignores SIGHUP.
        if stop != signal.SIGHUP or signal.getsignal(stop) != signal.SIG_IGN:
            signal.signal(stop, interrupt)


def stop_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent ends, however it does (prctl(2), Linux); exit if it has ended."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    interrupt_on_signals()
    if PARENT in os.environ:
        stop_with_parent(int(os.environ[PARENT]))
    sys.exit(main())
