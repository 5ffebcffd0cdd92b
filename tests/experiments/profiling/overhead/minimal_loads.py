"""Loads of a minimal script, read from its source: the drivers that it imports may be missing here."""

from __future__ import annotations

import ast
from pathlib import Path


def loads_of(script: Path) -> set[str]:
    """Return the names of the loaders for which the script has a load."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "script.main"
    )
    loads = call.args[0]
    assert isinstance(loads, ast.Dict)
    return {str(key.value) for key in loads.keys if isinstance(key, ast.Constant)}
