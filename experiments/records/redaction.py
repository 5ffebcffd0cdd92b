"""Removal of absolute paths from published records, descriptions and findings, and search for what is personal."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

# Folders from the root, before the name of what lies in them. A slash within a word or an address is none.
_FOLDERS = re.compile(r"(?:\bfile://|(?<![\w./]))/(?:[^\s/:'\"]+/)+(?=[^\s/:'\"])")

# A compressed HdrHistogram begins so, and base64 has slashes that part no folders.
_HISTOGRAM = "HISTFAAA"

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_PERSONAL: Mapping[str, re.Pattern[str]] = {
    "home folder": re.compile(r"(?<![\w.])(?:/home/|/Users/|[A-Z]:\\+Users\\+)[^\s/\\:'\"<>]+|(?<![\w.])/root/"),
    "e-mail address": re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"),
    # Not of this host alone, and no part of a version or a longer number.
    "network address": re.compile(rf"(?<![\w.+~-])(?!127\.|0\.0\.0\.0)(?:{_OCTET}\.){{3}}{_OCTET}(?![\w+~-]|\.\w)"),
    "hardware or IPv6 address": re.compile(r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){5,7}|fe80::)[0-9a-f:]+\b", re.IGNORECASE),
}

# Names of users and hosts that name nobody; some are words of every campaign.
_GENERIC = frozenset("root user admin runner ubuntu debian docker podman postgres python localhost host build".split())  # noqa: SIM905


def without_paths(value: Any) -> Any:
    """Return the value with every absolute path cut to its last part, inside a text, too."""
    if isinstance(value, Mapping):
        return {name: without_paths(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(item) for item in value]
    if not isinstance(value, str) or value.startswith(_HISTOGRAM):
        return value
    # A path has blanks at times. What has words behind a colon is a message that begins with a path.
    if Path(value).is_absolute() and ": " not in value:
        return Path(value).name
    return _FOLDERS.sub("", value)


def list_own_names() -> list[str]:
    """Return the names of this host and user, but for those that name nobody."""
    names = [socket.gethostname(), socket.gethostname().partition(".")[0]]
    # A user without a name, as in some containers.
    with suppress(KeyError, OSError):
        names.append(getpass.getuser())
    return [name for name in dict.fromkeys(names) if len(name) > 2 and name.lower() not in _GENERIC]


def find_personal(text: str, names: Collection[str] = ()) -> Iterator[str]:
    """Find the first home folder and address of each kind, and each of these ``names``: "e-mail address 'a@b.c'"."""
    for kind, pattern in _PERSONAL.items():
        if match := pattern.search(text):
            yield f"{kind} {match[0]!r}"
    for name in names:
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE):
            yield f"host or user name {name!r}"
