"""Wheels and source folders of made-up content."""

from __future__ import annotations

import zipfile
from pathlib import Path


def make_wheel(folder: Path, name: str, content: str = "x = 1\n") -> Path:
    """A file that is a zip archive; its name alone says what it has."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr(zipfile.ZipInfo("module.py"), content)
    return folder / name


def make_source(folder: Path, project: str = 'name = "psycopg"\nversion = "3.4.0.dev1"') -> Path:
    """A source folder with what builds leave there."""
    for name in ("src/psycopg/__init__.py", "build/old.py", "dist/old.whl", ".git/HEAD", "psycopg.egg-info/PKG-INFO"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")
    (folder / "pyproject.toml").write_text(f"[project]\n{project}\n")
    return folder
