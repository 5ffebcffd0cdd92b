"""Types of the values in matrix.yaml: accepted values, JSON Schema, and errors that follow what was found."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from bigdata.registry import CHECKOUTS, IMPLEMENTATIONS, LOADERS, PROTOCOLS, WORKLOADS
from experiments.cpuset import REST, parse_cpuset
from experiments.errors import suggest
from experiments.matrix import arrivals
from experiments.matrix.bounds import LONGEST_NAME, NAME
from experiments.matrix.cell import ENGINES, GILS, INSERTS, SAMPLINGS, TRANSACTIONS
from experiments.matrix.packages import DISTRIBUTIONS, EXPECTED, distribution_name, is_package

CLOSED = arrivals.CLOSED
STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True)
"""Of every section of matrix.yaml."""

LOOPS = tuple(sorted({loop for loader in LOADERS.values() for loop in loader.loops}))

AUTO = "auto"
ALL = "all"
"""Numbers of records that matrix.yaml need not know."""

LONGEST_TEXT = 2_000
"""Characters of a question, a reason or a setting, which is an argument of a program."""
LARGEST_COUNT = 9_999_999
"""Of records, whose numbers have seven digits, and of everything else that is counted."""
MOST_CONNECTIONS = 262_143
"""Of one PostgreSQL: MAX_BACKENDS in its source."""
SPARE_CONNECTIONS = 10
"""Connections besides the workers': those that clear and check, and PostgreSQL's reserve for superusers."""

LONGEST_TIME_S = 7 * 24 * 3600
_MOST_CORES = 10_000
_MOST_NEIGHBOURS = 100
_MOST_BYTES = 1 << 50
_PYTHON = re.compile(r"3\.\d+t?", re.ASCII)
_MAJOR = re.compile(r"\d{1,3}", re.ASCII)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|ms|us|µs)")
_UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_LONGEST_DELAY_S = 60.0
_STATE = re.compile(f"[A-Za-z][A-Za-z_ .-]{{0,{LONGEST_NAME - 1}}}")
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
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        value = int(match[1]) << 10 * " kMGT".index(match[2] or " ")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise problem("is not an amount of memory: write an integer with a unit (kB, MB, GB, TB), such as 64MB")
    if value > _MOST_BYTES:
        raise problem(f"is too large: write at most {_MOST_BYTES >> 40}TB")
    return value


def seconds(text: str) -> float | None:
    """Return a time with its unit, such as 0.5ms, in seconds; None for another text."""
    match = _DURATION.fullmatch(text)
    return None if match is None else float(match[1]) * _UNITS_S[match[2]]


def _check_duration(value: object) -> str:
    delay_s = seconds(value) if isinstance(value, str) else None
    if not isinstance(value, str) or delay_s is None:
        raise problem("is no time: write a number with its unit (s, ms, us), such as 0.5ms")
    if delay_s > _LONGEST_DELAY_S:
        raise problem(f"is too long: write at most {_LONGEST_DELAY_S:g}s")
    return value


def _check_arrivals(value: object) -> str:
    if (text := arrivals.parse_arrivals(value)) is None:
        raise problem(f"is not a way to arrive: {arrivals.EXPECTED}")
    return text


def _check_records(value: object) -> int | str:
    # Older campaigns have none for all.
    if value is None:
        return ALL
    if value in (AUTO, ALL) or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_COUNT):
        return value
    raise problem(f"is no number of records: write 1 to {LARGEST_COUNT:,}, {AUTO} or {ALL}")


def _check_setting(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float) and len(str(value)) <= LONGEST_TEXT:
        return str(value)
    if isinstance(value, str):
        raise problem(f"is too long for a setting: write at most {LONGEST_TEXT:,} characters")
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
    if not isinstance(value, str) or not value.strip():
        raise problem("is not text: write it in quotes")
    if len(value) > LONGEST_TEXT:
        raise problem(f"is too long: write at most {LONGEST_TEXT:,} characters")
    return value


def _check_state(value: object) -> str:
    state = _check_text(value)
    if _STATE.fullmatch(state):
        return state
    raise problem("is not a state: write its name or code, such as New_York or NY")


def _check_address(value: object) -> str:
    try:
        address = ipaddress.IPv4Address(value) if isinstance(value, str) else None
    except ValueError:
        address = None
    if address is None or address.is_unspecified or address.is_multicast:
        raise problem('is not the IPv4 address of a host: write one in quotes, such as "10.0.0.2"')
    return str(address)


def _check_distribution(value: object) -> str:
    name = distribution_name(value) if isinstance(value, str) else ""
    if name in DISTRIBUTIONS:
        return name
    raise unknown("distribution", value, DISTRIBUTIONS)


def _check_path(value: object) -> str:
    path = _check_text(value)
    try:
        Path(path).expanduser()
    except RuntimeError:
        raise problem("begins with the home of a user who has none here: write the folder out") from None
    return path


def _check_package(value: object) -> str:
    if isinstance(value, float):
        raise problem("without quotes is a number, so that 0.30 would be 0.3: put the version in quotes")
    if isinstance(value, str) and is_package(value):
        return _check_path(value)
    raise problem(f"is no version and no path: {EXPECTED}")


Text = Annotated[str, Checked(_check_text, {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT})]
Folder = Annotated[str, Checked(_check_path, {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT})]
# It becomes the name, or a part of the names, of files.
_NAME = f"is not a valid name: use letters, digits, '_', '-' and '.' only, at most {LONGEST_NAME}"
NAME_FORM = f"{NAME}{{0,{LONGEST_NAME - 1}}}"
Name = Annotated[str, matching(NAME_FORM, _NAME, maxLength=LONGEST_NAME)]
State = Annotated[str, Checked(_check_state, {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME})]
Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST_COUNT)]
_RECORDS = "The logical records of each state to load; auto: as many as keep the largest pool busy."
_NUMBERS = {"type": "integer", "minimum": 1, "maximum": LARGEST_COUNT}
Records = Annotated[
    int | str, Checked(_check_records, {"anyOf": [{"enum": [AUTO, ALL]}, _NUMBERS], "description": _RECORDS})
]
Repeats = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Patience = Annotated[float, Field(strict=True, ge=0, le=LONGEST_TIME_S, allow_inf_nan=False)]
Neighbours = Annotated[int, Field(strict=True, ge=0, le=_MOST_NEIGHBOURS)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=LONGEST_TIME_S, allow_inf_nan=False)]
Cores = Annotated[float, Field(strict=True, gt=0, le=_MOST_CORES, allow_inf_nan=False)]

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
_POOLSIZE = "How many connections, each with its worker."
_LARGEST_POOL = MOST_CONNECTIONS - SPARE_CONNECTIONS
Poolsize = Annotated[int, Field(strict=True, ge=1, le=_LARGEST_POOL, description=_POOLSIZE)]
PostgresName = Annotated[Name, Field(description="A name in the section postgres.")]
DataName = Annotated[Name, Field(description="A name in the section data.")]
Transaction = Annotated[str, one_of("transaction", TRANSACTIONS, "Commit after each statement, or each record.")]
Inserts = Annotated[str, one_of("way to insert", INSERTS, "One call per row, or executemany, where the driver has it.")]
Workload = Annotated[str, one_of("workload", tuple(WORKLOADS), "What is repeated: a load of rows, or one operation.")]
ResourcesName = Annotated[Name, Field(description="A name in the section resources.")]
NetworkName = Annotated[Name, Field(description="A name in the section network, or loopback.")]
Duration = Annotated[str, Checked(_check_duration, {"type": "string", "pattern": "^[0-9.]+(s|ms|us|µs)$"})]
Arrivals = Annotated[str, Checked(_check_arrivals, arrivals.SCHEMA)]
HostName = Annotated[Name, Field(description="A name in the section hosts.")]
Address = Annotated[str, Checked(_check_address, {"type": "string", "format": "ipv4"})]
PackagesName = Annotated[Name, Field(description="A name in the section packages, or locked.")]
Distribution = Annotated[str, Checked(_check_distribution, {"type": "string", "enum": list(DISTRIBUTIONS)})]
Package = Annotated[str, Checked(_check_package, {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT})]
_CHECKOUT = "When a worker takes a connection: once for all its operations, or from the driver's own pool for each."
Checkout = Annotated[str, one_of("checkout", CHECKOUTS, _CHECKOUT)]
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
