"""Report of a verb: one JSON line, to a file or to standard output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from bigdata.errors import BadInput
from bigdata.whole_file import whole_file

STANDARD_OUTPUT = "-"


def check_target(target: str | None) -> None:
    """Raise BadInput if no report can be written to ``target``; to be called before the work, not after it."""
    if target is None or target == STANDARD_OUTPUT:
        return
    path = Path(target)
    if path.is_dir():
        raise BadInput(f"--report: {target} is a directory; expected a file, or {STANDARD_OUTPUT} for standard output")
    if not os.access(str(path.parent), os.W_OK):
        why = "is not writable" if path.parent.is_dir() else "does not exist"
        raise BadInput(f"--report: {target}: the directory {path.parent} {why}; name another file")


def write_report(report: dict[str, Any], target: str) -> None:
    """Print it as one line for '-', else write the file whole: a reader never sees half a report.

    Raises BadInput if it cannot be written.
    """
    line = json.dumps(report) + "\n"
    path = Path(target)
    if target == STANDARD_OUTPUT:
        sys.stdout.write(line)
        sys.stdout.flush()
    elif path.exists() and not path.is_file():
        # A pipe or a device (/dev/null) is written to; putting a file in its place would harm the system.
        path.write_text(line, encoding="utf-8")
    else:
        with whole_file(path) as unfinished:
            unfinished.write_text(line, encoding="utf-8")
