"""write the JSON Schema of matrix.yaml from the models, for editors"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from experiments.errors import Failure
from experiments.matrix.spec import matrix_adapter

SCHEMA = Path(__file__).parent.parent / "matrix.schema.json"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--check", action="store_true", help="write nothing: fail if the schema is out of date")


def run(options: Namespace) -> int:
    """Write the schema, or check it; say whether it was current. Raises Failure if the check finds it out of date."""
    text = render_schema()
    if SCHEMA.is_file() and SCHEMA.read_text(encoding="utf-8") == text:
        print(f"{SCHEMA.name} is current")
    elif options.check:
        raise Failure(f"{SCHEMA.name} is out of date; run: nox -s schema")
    else:
        SCHEMA.write_text(text, encoding="utf-8")
        print(f"wrote {SCHEMA.name}")
    return 0


def render_schema() -> str:
    """Return the schema as the text of its file."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made from experiments/matrix/spec.py by: nox -s schema",
        **matrix_adapter().json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
