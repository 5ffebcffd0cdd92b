"""MkDocs hook that adds repository files which the pages link to, such as results, to the site.

Pages link to them as GitHub needs it (``../results/README.md``). In the site everything below ``docs/`` stands at the
top, and all else where it stands in the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ADDED = ("CHANGELOG.md", "CONTRIBUTING.md", "matrix.yaml", "results/*.md", "results/*.csv", "results/published/**/*.*")
LINK = re.compile(r"(\]\()([^)#:]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    """Add the repository's files."""
    for pattern in ADDED:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite relative links from places in the repository to places in the site."""
    here = _in_repository(page.file.src_uri)
    if here.startswith("results/published/"):
        page.meta["search"] = {"exclude": True}  # thousands of numbers, which nobody searches for

    def rewrite(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link[2]))
        place = target.removeprefix("docs/")
        return link[1] + posixpath.relpath(place, posixpath.dirname(page.file.src_uri) or ".")

    return LINK.sub(rewrite, markdown)


def _in_repository(place: str) -> str:
    """Return where in the repository a page of the site stands."""
    return place if (ROOT / place).is_file() else f"docs/{place}"
