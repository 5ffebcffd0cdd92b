"""Removal of absolute paths from published records, descriptions and findings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Folders from the root, before the name of what lies in them. A slash within a word or an address is none.
_FOLDERS = re.compile(r"(?:\bfile://|(?<![\w./]))/(?:[^\s/:'\"]+/)+(?=[^\s/:'\"])")

# A compressed HdrHistogram begins so, and base64 has slashes that part no folders.
_HISTOGRAM = "HISTFAAA"


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
