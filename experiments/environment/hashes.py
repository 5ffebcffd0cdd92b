"""Hashes of the loader's source and of other texts: runs of different ones are never compared."""

import hashlib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def short_hash(*texts: str) -> str:
    """Return six hexadecimal digits that change with each of the texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:6]


def text_hash(text: Path) -> str:
    """Return the SHA-256 of a text by its content, whatever ends a checkout gave its lines."""
    return "sha256:" + hashlib.sha256(_content_of(text)).hexdigest()


def _content_of(text: Path) -> bytes:
    return text.read_bytes().replace(b"\r\n", b"\n")


def source_hash(project: Path = PROJECT) -> str:
    """Return the SHA-256 of names and contents of the loader's modules and dictionary."""
    loader = project / "bigdata"
    digest = hashlib.sha256()
    for path in sorted((*loader.rglob("*.py"), *loader.rglob("*.csv"))):
        content = _content_of(path)
        digest.update(f"{path.relative_to(loader).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return "sha256:" + digest.hexdigest()
