"""Files that exist completely or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from bigdata.errors import BadInput


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path``, which is renamed to ``path`` at the end, or removed after an exception.

    Makes the directory where there is none. Raises BadInput if it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if unfinished.exists():
            unfinished.unlink()
