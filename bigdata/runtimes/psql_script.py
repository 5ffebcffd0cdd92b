"""What the runtimes with psql have in common: how its script begins, and its command line."""

from __future__ import annotations

from typing import Sequence

from bigdata.runtimes.programs import WAIT_AT_GATE

BEGINNING = f"\\! {WAIT_AT_GATE}\n"
"""By then psql has connected."""


def psql_arguments(script: str) -> Sequence[str]:
    """Nothing of the user's settings, no results shown, an end at the first error."""
    shown = ["--quiet", "--no-align", "--tuples-only", "--output=/dev/null"]
    return ["--no-psqlrc", *shown, "--set=ON_ERROR_STOP=1", f"--file={script}", "--dbname"]
