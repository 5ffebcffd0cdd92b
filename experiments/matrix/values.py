"""Types of the values in matrix.yaml: accepted values, JSON Schema, and errors that follow what was found."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bigdata.registry import IMPLEMENTATIONS, LOADERS, PROTOCOLS
from experiments.cpuset import REST, parse_cpuset
from experiments.errors import suggest
from experiments.matrix.cell import ENGINES, GILS, INSERTS, SAMPLINGS, TRANSACTIONS

LOOPS = tuple(sorted({loop for loader in LOADERS.values() for loop in loader.loops}))

_PYTHON = re.compile(r"3\.\d+t?", re.ASCII)
_MAJOR = re.compile(r"\d{1,3}", re.ASCII)
_MEMORY = re.compile(r"([1-9]\d{0,9})\s?([kMGT]?)B", re.ASCII)


def problem(text: str) -> PydanticCustomError:
    """Make the error of a value: ``text`` follows what was found."""
    # Through the context, so that braces in the text are no template.
    return PydanticCustomError("matrix", "{text}", {"text": text})


def unknown(kind: str, value: object, known: Sequence[str]) -> PydanticCustomError:
    """Make the error of a name that is not among the ``known`` ones of its ``kind``."""
    return PydanticCustomError("unknown", "unknown {kind}", {"kind": kind, "suggestion": suggest(value, known)})


@dataclass(frozen=True, eq=False)
class Checked:
    """Pydantic's view of a value that ``check`` turns into text or a number; editors see ``schema`` (JSON Schema)."""

    check: Callable[[object], str | int]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def one_of(what: str, known: Sequence[str], description: str, booleans: Sequence[bool] = ()) -> Checked:
    """Make the type of a name out of a few: ``what`` it names. ``booleans``: those that mean a name, on or off."""

    def check(value: object) -> str:
        if isinstance(value, bool) and value in booleans:
            # What YAML makes of on and off.
            return "on" if value else "off"
        if isinstance(value, str) and value in known:
            return value
        raise unknown(what, value, known)

    schema: dict[str, Any] = {} if booleans else {"type": "string"}
    return Checked(check, {**schema, "enum": [*known, *booleans], "description": description})


def matching(form: str, advice: str, **schema: Any) -> Checked:
    """Make the type of a text of this form, with the advice for any other value."""

    def check(value: object) -> str:
        if isinstance(value, str) and re.fullmatch(form, value, re.ASCII):
            return value
        raise problem(advice)

    return Checked(check, {"type": "string", **schema})


def _check_python(value: object) -> str:
    if isinstance(value, str) and (value == "default" or _PYTHON.fullmatch(value)):
        return value
    if isinstance(value, float):
        raise problem("without quotes is a number, so that 3.10 would be 3.1: put the version in quotes")
    raise problem("is not a Python version: write 'default' or major and minor in quotes, such as \"3.13\"")


def _check_major(value: object) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if _MAJOR.fullmatch(text):
        return text
    raise problem('is not a major version of PostgreSQL: write it in quotes, such as "17"')


def _parse_memory(value: object) -> int:
    """Parse '64MB' to bytes in PostgreSQL's units (1024 kB are 1 MB); keep a number as it is."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise problem("is not an amount of memory: write an integer with a unit (kB, MB, GB, TB), such as 64MB")
    return int(match[1]) << 10 * " kMGT".index(match[2] or " ")


def _check_setting(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float):
        return str(value)
    raise problem("is not a value of a setting: write text, a number, on or off")


def _check_cpuset(value: object) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else "?"
    if text == REST:
        return text
    try:
        parse_cpuset(text)
    except ValueError:
        raise problem("is not a set of cores: write numbers from 0 and ranges such as \"0-2,5\", or 'rest'") from None
    return text


def _check_text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise problem("is not text: write it in quotes")


Text = Annotated[str, Checked(_check_text, {"type": "string", "minLength": 1})]
Count = Annotated[int, Field(strict=True, ge=1)]

_ENGINE = "What runs it; auto takes the best that this machine has."
Engine = Annotated[str, one_of("engine", ("auto", *ENGINES), _ENGINE)]
_VERSION = "The interpreter's version, in quotes; default: the newest that the engine has a lock for."
_VERSIONS = {"type": "string", "pattern": r"^(default|3\.[0-9]+t?)$", "description": _VERSION}
Python = Annotated[str, Checked(_check_python, _VERSIONS)]
_GIL = "Of free-threaded builds: off keeps the lock on all threads off, whatever modules ask for."
Gil = Annotated[str, one_of("state of the GIL", GILS, _GIL, (False,))]
LoaderName = Annotated[str, one_of("loader", tuple(LOADERS), "Who is measured; see: python -m bigdata.cmd list.")]
Loop = Annotated[str, one_of("event loop", LOOPS, "The event loop. Loaders that have none leave it out.")]
_PROTOCOL = "How statements get to the server; default: what the loader speaks unless asked."
SpokenProtocol = Annotated[str, one_of("protocol", ("default", *PROTOCOLS), _PROTOCOL)]
_DRIVERS = "Of psycopg 3; default: binary, or python where there is no wheel of it. Other drivers leave it out."
Implementation = Annotated[str, one_of("implementation", ("default", *IMPLEMENTATIONS), _DRIVERS)]
Poolsize = Annotated[int, Field(strict=True, ge=1, description="How many connections, each with its worker.")]
PostgresName = Annotated[Text, Field(description="A name in the section postgres.")]
DataName = Annotated[Text, Field(description="A name in the section data.")]
Transaction = Annotated[str, one_of("transaction", TRANSACTIONS, "Commit after each statement, or each record.")]
Inserts = Annotated[str, one_of("way to insert", INSERTS, "One call per row, or executemany, where the driver has it.")]
ResourcesName = Annotated[Text, Field(description="A name in the section resources.")]
_SAMPLING = "Whether a process beside the loader looks at what the server's connections do."
Sampling = Annotated[str, one_of("state of the sampler", SAMPLINGS, _SAMPLING, (True, False))]

_SEGMENT = "0[1-9]|[12][0-9]|3[0-9]"
_SEGMENTS = 'is not a segment: write two digits in quotes, from "01" to "39"'
Segment = Annotated[str, matching(_SEGMENT, _SEGMENTS, pattern=f"^({_SEGMENT})$")]
Major = Annotated[
    str, Checked(_check_major, {"anyOf": [{"type": "string", "pattern": "^[0-9]+$"}, {"type": "integer"}]})
]
Memory = Annotated[
    int,
    Checked(_parse_memory, {"anyOf": [{"type": "string", "pattern": "^[1-9][0-9]* ?[kMGT]?B$"}, {"type": "integer"}]}),
]
Setting = Annotated[str, Checked(_check_setting, {"type": ["string", "boolean", "number"]})]
Cpuset = Annotated[
    str, Checked(_check_cpuset, {"anyOf": [{"type": "string", "pattern": "^(rest|[0-9, -]+)$"}, {"type": "integer"}]})
]
