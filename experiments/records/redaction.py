"""What is published (records, descriptions, findings) names files by their names: folders are this machine's. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Folders from the root, before the name of what lies in them. A slash within a word or an address is none.
_FOLDERS = re.compile(r"(?:\bfile://|(?<![\w./]))/(?:[^\s/:'\"]+/)+(?=[^\s/:'\"])")


def without_paths(value: Any) -> Any:
    """The value with every absolute path in it cut to its last part, in the midst of a text, too."""
    if isinstance(value, Mapping):
        return {name: without_paths(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(item) for item in value]
    if not isinstance(value, str):
        return value
    # A path has blanks at times. What has words behind a colon is a message that begins with a path.
    if Path(value).is_absolute() and ": " not in value:
        return Path(value).name
    return _FOLDERS.sub("", value)
