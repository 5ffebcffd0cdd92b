"""MkDocs hook that adds repository files to the site: the README as its front page, and results that pages link to.

Pages link to these files as GitHub needs it (``../results/README.md``). In the site everything below ``docs/`` is at
the top, and all else where it is in the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ADDED = (
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "matrix.yaml"),
    *("results/*.md", "results/*.csv", "results/LICENSE", "results/published/**/*"),
)
FRONT_PAGE = "index.md"
# Of the README, where it ends in links to these pages; of the front page's own text, where its links begin.
README_END, LINKS_START = "\n## More\n", "\n## Use it\n"
LINK = re.compile(r"(\]\()([^)#:]+)(?=[)#])")


def on_files(files: Files, config: Any) -> Files:
    """Add the repository's files."""
    for path in sorted(path for pattern in ADDED for path in ROOT.glob(pattern)):
        if path.is_file():
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite relative links from places in the repository to places in the site; put the README on the front page."""
    place = page.file.src_uri
    if place.startswith("results/published/"):
        page.meta["search"] = {"exclude": True}  # thousands of numbers, which nobody searches for
    if place != FRONT_PAGE:
        return _rewrite_links(markdown, place if (ROOT / place).is_file() else f"docs/{place}", place)
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition(README_END)[0]
    links = LINKS_START + markdown.partition(LINKS_START)[2]
    return _rewrite_links(readme, "README.md", place) + _rewrite_links(links, f"docs/{place}", place)


def _rewrite_links(markdown: str, source: str, place: str) -> str:
    """Rewrite links of the repository file ``source`` for a page that stands at ``place`` in the site."""

    def rewrite(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[2]))
        target = FRONT_PAGE if target == "README.md" else target.removeprefix("docs/")
        return link[1] + posixpath.relpath(target, posixpath.dirname(place) or ".")

    return LINK.sub(rewrite, markdown)
