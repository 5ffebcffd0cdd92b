"""Where the locked requirements are."""

from __future__ import annotations

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = PROJECT_ROOT / "docker" / "requirements"


def postgresql_lock(major: str) -> Path:
    """The file that locks the wheel with PostgreSQL's programs of this major version; it may not exist."""
    return REQUIREMENTS / f"postgresql-{major}.txt"


def postgresql_majors() -> tuple[str, ...]:
    """The major versions of PostgreSQL that are locked, oldest first."""
    names = (path.stem.removeprefix("postgresql-") for path in REQUIREMENTS.glob("postgresql-*.txt"))
    return tuple(sorted(names, key=int))
