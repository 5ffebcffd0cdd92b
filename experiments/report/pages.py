"""Pages as files: Markdown in which nothing that a campaign's text says is alive."""

from __future__ import annotations

import re
from pathlib import Path

from experiments.files import write_whole

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Links of pages lead to files beside them; what else looks like one, or like the address of one, is text.
_LINK = re.compile(r"\](?=\((?![\w.%#~-][\w./%#~-]*\))|:)", re.ASCII)


def make_inert(markdown: str) -> str:
    """Escape HTML and links to other places, which pages have only where a text that they show has them."""
    return _LINK.sub(r"]\\", _TAG.sub("&lt;", markdown))


def write_page(path: Path, markdown: str) -> None:
    """Write a page whose text may be that of a campaign from others."""
    write_whole(path, make_inert(markdown))
