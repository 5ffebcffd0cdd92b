"""What can be looked at with on this machine, and what is said where it cannot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from experiments.engines.local.loader import LocalLoaderHost
from experiments.engines.local.profilers import LocalInstruments
from experiments.engines.profilers import OUTPUT, PY_SPY, THREAD_STATES, Instrument, find_py_spy
from experiments.engines.select import instruments_of
from experiments.errors import Unsupported
from experiments.records.facts import InterpreterFacts


@pytest.fixture
def instruments() -> LocalInstruments:
    facts = InterpreterFacts("3.13", "3.13.0", "CPython", True, "build", "sha256:lock")
    chosen = instruments_of(LocalLoaderHost(Path("/nowhere/python"), facts))
    assert isinstance(chosen, LocalInstruments)
    return chosen


def programs(folder: Path, **scripts: str) -> str:
    """A PATH with these programs and the system's own ``true``."""
    for name, script in scripts.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return str(folder)


def test_without_either_program_both_are_named(
    instruments: LocalInstruments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path))
    with pytest.raises(Unsupported, match=r"^perf: is not installed \(.*linux-perf\); strace: .* strace\)$"):
        instruments.counter()
    with pytest.raises(Unsupported, match=r"^perf: is not installed \(.*\); valgrind: .* valgrind\)$"):
        instruments.instruction_counter()


def test_where_the_kernel_does_not_let_perf_count_strace_does(
    instruments: LocalInstruments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, perf="echo 'No permission' >&2; exit 255", strace='echo 1 > "$5"'))
    chosen = instruments.counter()
    assert (chosen.name, chosen.version) == ("strace", None)


def test_without_the_counter_of_the_processor_valgrind_counts(
    instruments: LocalInstruments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    valgrind = (
        'echo valgrind-3.19.0; for word; do case $word in --log-file=*) echo 1 > "${word#--log-file=}";; esac; done'
    )
    perf = 'echo "<not supported>,,instructions:u" > "$5"'
    monkeypatch.setenv("PATH", programs(tmp_path, perf=perf, valgrind=valgrind))
    chosen = instruments.instruction_counter()
    assert (chosen.name, chosen.command[0], chosen.emulates) == ("valgrind", "valgrind", True)
    assert chosen.version == "3.19.0"


def test_addresses_are_fixed_where_that_is_allowed(
    instruments: LocalInstruments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = programs(tmp_path, perf='echo 1 > "$5"', setarch='shift; exec "$@"')
    monkeypatch.setenv("PATH", path)
    assert instruments.instruction_counter().command[:2] == ("setarch", "--addr-no-randomize")


def test_a_program_that_fails_is_quoted(
    instruments: LocalInstruments, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, perf="echo 'No permission' >&2; exit 255", strace="exit 1"))
    with pytest.raises(Unsupported, match=r"^perf: No permission; strace: counts nothing here$"):
        instruments.counter()


def test_a_host_of_another_engine_has_none() -> None:
    other: Any = object()
    with pytest.raises(Unsupported, match="no instruments"):
        instruments_of(other)


@pytest.mark.parametrize("instrument", [PY_SPY, THREAD_STATES])
def test_every_instrument_writes_into_the_file_that_it_is_given(instrument: Instrument) -> None:
    assert OUTPUT in instrument.command


def test_py_spy_is_among_the_locked_packages_of_the_harness() -> None:
    assert os.access(find_py_spy(), os.X_OK)
