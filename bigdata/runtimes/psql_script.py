"""Shared code of the runtimes with psql: beginning of the script, and command line."""

from __future__ import annotations

from typing import Sequence

from bigdata.runtimes.programs import WAIT_AT_GATE

BEGINNING = f"\\! {WAIT_AT_GATE}\n"
"""Beginning of the script; psql has connected by then."""


def psql_arguments(script: str) -> Sequence[str]:
    """Return arguments that ignore the user's settings, hide results and stop at the first error."""
    shown = ["--quiet", "--no-align", "--tuples-only", "--output=/dev/null"]
    return ["--no-psqlrc", *shown, "--set=ON_ERROR_STOP=1", f"--file={script}", "--dbname"]
