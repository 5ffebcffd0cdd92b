"""A few inputs of each fuzzer, the same each time; ``nox -s fuzz`` checks more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import __main__ as driver
from tests.fuzz.__main__ import Fuzzer, fuzzers

# Of those whose inputs take long.
_FEWER = {"campaign": 3}


@pytest.mark.parametrize("fuzzer", fuzzers(), ids=lambda fuzzer: fuzzer.name)
def test_mutated_inputs_are_refused_or_read_as_they_are(fuzzer: Fuzzer) -> None:
    for seed in range(_FEWER.get(fuzzer.name, 20)):
        fault = fuzzer.find_fault(seed)
        assert fault is None, f"seed {seed}: {fault}"


def refuse_even(number: int) -> None:
    if number % 2 == 0:
        raise KeyError(number)


def test_a_fault_is_kept_with_how_to_repeat_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Fuzzer("x", lambda rng: rng.getrandbits(8), refuse_even)
    monkeypatch.setattr(driver, "fuzzers", lambda names=(): [made])
    seed = next(seed for seed in range(100) if made.make(seed) % 2 == 0)
    assert driver.main(["x", "--seed", str(seed), "--inputs", "1"]) == 1
    text = (tmp_path / "fuzz-faults" / f"x-{seed}.txt").read_text()
    assert text.startswith(f"nox -s fuzz -- x --seed {seed} --inputs 1\n\nTraceback ")
    assert text.endswith(f"KeyError: {made.make(seed)}\n\n{made.make(seed)}\n")
    out = capsys.readouterr().out
    assert out.startswith(f"fuzz-faults/x-{seed}.txt: KeyError: {made.make(seed)}; repeat: nox -s fuzz -- x ")
    assert out.endswith("\n1 inputs of each of x: 1 faults\n")
    odd = next(seed for seed in range(100) if made.make(seed) % 2)
    assert driver.main(["--seed", str(odd), "--inputs", "1"]) == 0


def test_without_a_number_of_inputs_the_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []
    monkeypatch.setattr(driver, "fuzzers", lambda names=(): [Fuzzer("x", lambda rng: 1, checked.append)])
    assert driver.main(["--minutes", "0.001"]) == 0
    assert checked


def test_an_input_that_takes_long_or_much_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "s of CPU time" in (Fuzzer("x", lambda rng: 1, lambda given: None, 0.0).find_fault(1) or "")
    monkeypatch.setattr(driver, "MOST_KB", 0)
    assert "kB of memory" in (Fuzzer("x", lambda rng: 1, lambda given: None).find_fault(1) or "")
