"""Download of a state's Summary File 1 zips from the Census site, or from a server with the same layout.

``<base URL>census_2000/datasets/Summary_File_1/New_York/nygeo_uf1.zip`` and ``ny00001_uf1.zip`` to ``ny00039_uf1.zip``.
"""

from __future__ import annotations

import http.client
import sys
import time
import urllib.error
import urllib.request
import zipfile
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, Sequence

from bigdata.census.dictionary import chosen_segments
from bigdata.census.states import find_state
from bigdata.census.zip_lines import ZIP_ERRORS
from bigdata.errors import BadInput
from bigdata.whole_file import whole_file

CENSUS_SITE = "https://www2.census.gov/"
_FOLDER = "census_2000/datasets/Summary_File_1"

_PAUSES_S = (1.0, 2.0, 4.0)
"""Pauses before further attempts."""
_TIMEOUT_S = 60.0
_BLOCK_BYTES = 1 << 16

Progress = Callable[[str, int, "int | None"], None]
"""Called with the file's name, the bytes received, and the total, if the server announces it."""


class _Transient(Exception):
    """A failed attempt that may succeed when repeated."""


def fetch(
    state: str,
    directory: Path,
    segments: Sequence[str],
    *,
    base_url: str = CENSUS_SITE,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """Fetch the geo header and these segments ('01', ...) of a state ('New_York', 'NY') into ``directory``.

    Returns their paths. A file that is there and whole is not fetched again; one that could not be fetched whole is
    not there. Raises BadInput for an unknown state or segment, an address that has no such file, a server that cannot
    be reached after some attempts, and an answer that is no zip.
    """
    place = find_state(state)
    stems = ["geo", *(f"000{segment.number}" for segment in chosen_segments(segments))]
    if not base_url.startswith(("http://", "https://")):
        raise BadInput(f"--base-url: found {base_url!r}, expected an address like {CENSUS_SITE}")
    folder = f"{base_url.rstrip('/')}/{_FOLDER}/{place.folder}"
    paths = [directory / f"{place.stusab.lower()}{stem}_uf1.zip" for stem in stems]
    for path in paths:
        if _flaw(path) is not None:
            _fetch_file(f"{folder}/{path.name}", path, progress or show_progress, sleep)
    return paths


def show_progress(name: str, received: int, total: int | None) -> None:
    """Print the progress of one file on standard error: in place on a terminal, else one line at its end."""
    finished = received == total
    if not finished and not sys.stderr.isatty():
        return
    of_total = f" of {total:,}" if total is not None else ""
    line = f"{name}: {received:,}{of_total} bytes"
    print(f"\r{line}" if sys.stderr.isatty() else line, end="\n" if finished else "", file=sys.stderr, flush=True)


def _fetch_file(url: str, path: Path, progress: Progress, sleep: Callable[[float], None]) -> None:
    for pause_s in (*_PAUSES_S, None):
        try:
            with whole_file(path) as unfinished:
                _receive(url, unfinished, partial(progress, path.name))
                flaw = _flaw(unfinished)
                if flaw is not None:
                    raise BadInput(
                        f"{url}: the answer is not a complete zip: {flaw}; expected a file of Summary File 1"
                    )
            return
        except _Transient as error:
            if pause_s is None:
                raise BadInput(f"{url}: {error}, in {len(_PAUSES_S) + 1} attempts; try again later") from error
            print(f"{path.name}: {error}; next attempt in {pause_s:g} s", file=sys.stderr)
            sleep(pause_s)


def _receive(url: str, path: Path, progress: Callable[[int, int | None], None]) -> None:
    """Make one attempt. Raises as ``_blocks`` does, and _Transient if less came than was announced."""
    received, total = 0, None
    with path.open("wb") as file:
        for block, total in _blocks(url):
            file.write(block)
            received += len(block)
            progress(received, total)
    if total is None:
        progress(received, received)
    elif received != total:
        raise _Transient(f"the answer ended after {received:,} of {total:,} bytes")


def _blocks(url: str) -> Iterator[tuple[bytes, int | None]]:
    """Yield the blocks that the server sends, with the announced length. The last block may be empty.

    Raises _Transient, or BadInput if another attempt would end the same way.
    """
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 (fetch() takes http only)
            length = answer.headers.get("Content-Length")
            block = None
            while block != b"":
                block = answer.read(_BLOCK_BYTES)
                yield block, int(length) if length else None
    except urllib.error.HTTPError as error:
        if error.code >= 500 or error.code in (408, 429):
            raise _Transient(f"the server answered {error.code} {error.reason}") from error
        raise BadInput(
            f"{url}: the server answered {error.code} {error.reason}; expected the file: check state and --base-url"
        ) from error
    except (http.client.InvalidURL, ValueError) as error:
        raise BadInput(f"--base-url: {error}; expected an address like {CENSUS_SITE}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise _Transient(f"the connection failed: {reason or type(error).__name__}") from error


def _flaw(path: Path) -> str | None:
    """Return why this is not a complete zip, checksums included; None if it is one."""
    try:
        with zipfile.ZipFile(str(path)) as archive:
            damaged = archive.testzip()
    except ZIP_ERRORS as error:
        return str(error) or type(error).__name__
    return damaged and f"{damaged} in it is damaged"
