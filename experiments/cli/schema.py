"""write the JSON Schema of matrix.yaml anew from the models, so that editors know what the harness knows"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiments.errors import Failure
from experiments.matrix.spec import matrix_adapter

SCHEMA = Path(__file__).parent.parent / "matrix.schema.json"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--check", action="store_true", help="write nothing: fail where the schema is out of date")


def run(options: Namespace) -> int:
    """Write or check the schema; returns 0. Raises Failure where the check finds it out of date."""
    if options.check:
        check_schema()
    else:
        write_schema()
    print(f"{SCHEMA.name} is current")
    return 0


def write_schema(path: Path = SCHEMA) -> None:
    """Write the schema anew."""
    path.write_text(render_schema(), encoding="utf-8")


def check_schema(path: Path = SCHEMA) -> None:
    """Compare the file with the models.

    Raises:
        Failure: it is missing or out of date.
    """
    if not path.is_file() or path.read_text(encoding="utf-8") != render_schema():
        raise Failure(f"{path.name} does not fit the models: write it anew with: nox -s schema")


def render_schema() -> str:
    """Return the schema as the text of its file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made from experiments/matrix/spec.py by: nox -s schema",
        **matrix_adapter().json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
