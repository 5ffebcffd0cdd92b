"""Stacks sampled by py-spy: read from its speedscope file, cut to the hot loops, summed by function.

py-spy sees Python's frames. What a compiled module does (libpq below psycopg2, all of uvloop and asyncpg's protocol)
counts for the Python frame that called it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HOT = "the hot loop"
DRIVER = "the driver"
LOOP = "the event loop"
LIBRARY = "Python's library"
OTHER = "the rest of the loader"
KINDS = (HOT, DRIVER, LOOP, LIBRARY, OTHER)

LOOPS = ("asyncio", "selectors.py", "uvloop", "rloop", "gevent", "greenlet")

# The caller of all row-by-row work, in all runtimes: bigdata/runtimes/job.py.
_ENTRY = ("Job.call", "call")
ENTRY_FILE = "bigdata/runtimes/job.py"
# Work inside of that before a phase begins.
_LOOPS = ("load_geo", "load_data", "look_up", "fetch", "transact", "wait")
_SET_UP = ("Feed.fill", "Job.connect")


@dataclass(frozen=True)
class Frame:
    """A place in the code. ``file`` is as in an import: 'bigdata/loaders/psycopg2.py', 'asyncio/events.py'."""

    function: str
    file: str
    line: int


Stack = tuple[Frame, ...]
"""The outermost frame first."""

Stacks = Mapping[Stack, int]
"""Number of samples of each."""


@dataclass(frozen=True)
class Share:
    """Shares of all samples in a function itself, and with its callees; the line of most samples."""

    function: str
    file: str
    line: int
    own: float
    total: float


def write_speedscope(stacks: Stacks, name: str) -> str:
    """Return a speedscope file for "Left Heavy", without paths of this machine; a fiftieth of py-spy's size."""
    frames: dict[Frame, int] = {}
    for stack in stacks:
        for frame in stack:
            frames.setdefault(frame, len(frames))
    samples = [[frames[frame] for frame in stack] for stack in stacks]
    total = sum(stacks.values())
    profile = {"type": "sampled", "name": name, "unit": "none", "startValue": 0, "endValue": total}
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": name,
        "shared": {"frames": [{"name": one.function, "file": one.file, "line": one.line} for one in frames]},
        "profiles": [{**profile, "samples": samples, "weights": list(stacks.values())}],
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def shorten_file(path: str) -> str:
    """Return the path below the folder of packages, of Python's library or of the project."""
    for pattern in (r".*/(?:site|dist)-packages/", r".*/lib/python3[.\dt]*/", r".*/(?=bigdata/)"):
        path = re.sub(f"^{pattern}", "", path)
    return path if not path.startswith("/") else path.rpartition("/")[2]


def read_speedscope(text: str) -> Stacks:
    """Return the stacks of all threads. Raises ValueError or KeyError for what is no speedscope file of samples."""
    document = json.loads(text)
    frames = [
        Frame(one["name"], shorten_file(one.get("file") or ""), int(one.get("line") or 0))
        for one in document["shared"]["frames"]
    ]
    counts: Counter[Stack] = Counter()
    for profile in document["profiles"]:
        for sample in profile["samples"]:
            counts[tuple(frames[index] for index in sample if not _is_process(frames[index]))] += 1
    return counts


def cut_to_hot_loops(stacks: Stacks) -> Stacks:
    """Return the stacks in the load of data records, cut above it. Greenlets have stacks of their own."""
    cut: Counter[Stack] = Counter()
    for stack, number in stacks.items():
        begin = _find_begin(stack)
        if begin is not None and not any(frame.function in _SET_UP or _is_geo(frame) for frame in stack):
            cut[stack[begin:]] += number
    return cut


def _find_begin(stack: Stack) -> int | None:
    entries = [index for index, frame in enumerate(stack) if _is_entry(frame)]
    if entries:
        return entries[-1]
    return next((index for index, frame in enumerate(stack) if _is_hot(frame) or is_hub(frame)), None)


def find_shares(stacks: Stacks) -> list[Share]:
    """Return the shares by function, largest own share first."""
    samples = sum(stacks.values())
    own: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    lines: dict[tuple[str, str], Counter[int]] = {}
    for stack, number in stacks.items():
        for frame in stack:
            lines.setdefault((frame.function, frame.file), Counter())[frame.line] += number
        # A function that calls itself is in a sample once.
        total.update({(frame.function, frame.file): number for frame in stack})
        own[(stack[-1].function, stack[-1].file)] += number
    shares = [
        Share(*key, lines[key].most_common(1)[0][0], own[key] / samples, number / samples)
        for key, number in total.items()
    ]
    return sorted(shares, key=lambda share: (-share.own, -share.total, share.function))


def find_kinds(stacks: Stacks, modules: Iterable[str], *, has_loop: bool) -> dict[str, float]:
    """Return the share of each kind of code. ``has_loop``: an event loop runs below ``Job.call``."""
    counts: Counter[str] = Counter()
    for stack, number in stacks.items():
        counts[kind_of(stack[-1], modules, has_loop=has_loop)] += number
    samples = sum(counts.values())
    return {kind: counts[kind] / samples for kind in KINDS if counts[kind]}


def kind_of(frame: Frame, modules: Iterable[str], *, has_loop: bool) -> str:
    """Return the kind of code of a frame. ``modules`` are the packages of the driver."""
    package = frame.file.partition("/")[0]
    if frame.file.startswith("bigdata/loaders/"):
        return HOT
    if package in LOOPS or (has_loop and _is_entry(frame)):
        return LOOP
    if package in modules:
        return DRIVER
    return OTHER if package == "bigdata" else LIBRARY


def is_hub(frame: Frame) -> bool:
    """Return True for gevent's event loop, which is compiled."""
    return frame.function == "Hub.run" and frame.file == "gevent/hub.py"


def _is_hot(frame: Frame) -> bool:
    return frame.file.startswith("bigdata/loaders/") and frame.function.startswith(_LOOPS)


def _is_geo(frame: Frame) -> bool:
    """Return True for phase geo; of another workload than ingest, for the untimed operations before phase data."""
    return (_is_hot(frame) and frame.function.startswith("load_geo")) or frame.file == "bigdata/runtimes/answers.py"


def _is_process(frame: Frame) -> bool:
    """Return True for the root that py-spy --subprocesses adds: a process id and command line."""
    return not frame.file and frame.function.startswith("process ")


def _is_entry(frame: Frame) -> bool:
    return frame.function in _ENTRY and frame.file == ENTRY_FILE
