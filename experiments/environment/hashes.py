"""Hashes of the loader's source and of other texts: runs of different ones are never compared."""

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

PROJECT = Path(__file__).resolve().parents[2]


def short_hash(*texts: str) -> str:
    """Return six hexadecimal digits that change with each of the texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:6]


def text_hash(text: Path) -> str:
    """Return the SHA-256 of a text by its content, whatever ends a checkout gave its lines."""
    return "sha256:" + hashlib.sha256(_content_of(text)).hexdigest()


def _content_of(text: Path) -> bytes:
    return text.read_bytes().replace(b"\r\n", b"\n")


def tree_hash(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 of names and contents of files."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items(), key=lambda item: PurePosixPath(item[0])):
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return "sha256:" + digest.hexdigest()


def source_hash(project: Path = PROJECT) -> str:
    """Return the SHA-256 of names and contents of the loader's modules and dictionary."""
    loader = project / "bigdata"
    paths = (*loader.rglob("*.py"), *loader.rglob("*.csv"))
    return tree_hash({path.relative_to(loader).as_posix(): _content_of(path) for path in paths})
