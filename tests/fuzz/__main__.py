"""Fuzzing of what the programs read: ``nox -s fuzz -- --minutes 5``, or only some: ``nox -s fuzz -- matrix``.

Each module ``fuzz_NAME`` has ``mutate(rng)``, which makes an input, and ``check(input)``, which raises for a fault. The
number of an input is its seed, so that a fault can be repeated; what it shows becomes a test.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import itertools
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAULTS = Path("fuzz-faults")
LONGEST_CPU_S = 5.0
MOST_KB = 500_000
"""Limits of one input; a module may have a LONGEST_CPU_S of its own."""
_SECONDS_BETWEEN_LINES = 30.0


@dataclass(frozen=True)
class Fuzzer:
    """One kind of input."""

    name: str
    mutate: Callable[[random.Random], Any]
    check: Callable[[Any], None]
    longest_cpu_s: float = LONGEST_CPU_S

    def make(self, seed: int) -> Any:
        """Return the input of this seed, the same each time."""
        return self.mutate(random.Random(f"{self.name}/{seed}"))  # no secret

    def find_fault(self, seed: int) -> str | None:
        """Return the traceback of the fault that the input shows, or None."""
        try:
            given = self.make(seed)
            before = resource.getrusage(resource.RUSAGE_SELF)
            self.check(given)
            after = resource.getrusage(resource.RUSAGE_SELF)
            took_s, took_kb = after.ru_utime - before.ru_utime, after.ru_maxrss - before.ru_maxrss
            assert took_s < self.longest_cpu_s, f"took {took_s:.1f} s of CPU time"
            assert took_kb < MOST_KB, f"took {took_kb:,} kB of memory"
        except Exception:
            return traceback.format_exc()
        return None


def fuzzers(names: Sequence[str] = ()) -> list[Fuzzer]:
    """Return the fuzzers of these names, or all."""
    found = sorted(path.stem.removeprefix("fuzz_") for path in Path(__file__).parent.glob("fuzz_*.py"))
    modules = {name: importlib.import_module(f"tests.fuzz.fuzz_{name}") for name in found if not names or name in names}
    return [
        Fuzzer(name, module.mutate, module.check, getattr(module, "LONGEST_CPU_S", LONGEST_CPU_S))
        for name, module in modules.items()
    ]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="nox -s fuzz --", description="check mutated inputs")
    parser.add_argument("names", metavar="NAME", nargs="*", choices=[[], *(one.name for one in fuzzers())])
    parser.add_argument("--minutes", type=float, default=5.0, metavar="N", help="time limit (default: 5)")
    parser.add_argument("--inputs", type=int, metavar="N", help="number of inputs of each kind (default: no limit)")
    parser.add_argument("--seed", type=int, metavar="S", help="seed of the first input (default: another each time)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Check inputs, in turn of each kind, until the time is over; return 1 if one showed a fault."""
    options = make_parser().parse_args(arguments)
    first = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    return _run(fuzzers(options.names), first, options.inputs, time.monotonic() + 60 * options.minutes)


def _run(chosen: Sequence[Fuzzer], first: int, inputs: int | None, deadline: float) -> int:
    faults, next_line, checked = 0, time.monotonic(), 0
    for seed in itertools.count(first) if inputs is None else range(first, first + inputs):
        # Reading records freezes what there is, which a program that goes on for hours must not keep.
        gc.unfreeze()
        for fuzzer in chosen:
            fault = fuzzer.find_fault(seed)
            if fault is not None:
                faults += 1
                print(_keep(fuzzer, seed, fault), flush=True)
        checked += 1
        over = time.monotonic() > deadline
        if over or time.monotonic() > next_line:
            print(f"{checked:,} inputs of each kind from seed {first}, faults: {faults}", flush=True)
            next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
        if over:
            break
    print(f"{checked:,} inputs of each of {', '.join(one.name for one in chosen)}: {faults} faults")
    return 1 if faults else 0


def _keep(fuzzer: Fuzzer, seed: int, fault: str) -> str:
    """Write the input and its fault to a file; return a line that names it."""
    repeat = f"nox -s fuzz -- {fuzzer.name} --seed {seed} --inputs 1"
    FAULTS.mkdir(exist_ok=True)
    file = FAULTS / f"{fuzzer.name}-{seed}.txt"
    file.write_text(f"{repeat}\n\n{fault}\n{fuzzer.make(seed)!r}\n", encoding="utf-8", errors="backslashreplace")
    return f"{file}: {fault.strip().splitlines()[-1][:300]}; repeat: {repeat}"


if __name__ == "__main__":
    sys.exit(main())
