"""What a command line says of words that it does not know, in both programs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from bigdata import cmd
from bigdata.arguments import Parser
from experiments.__main__ import VERBS, make_parser


def refusal(capsys: pytest.CaptureFixture[str], parse: Callable[[list[str]], object], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(list(words))
    assert caught.value.code == 2
    return capsys.readouterr().err


def small(words: list[str]) -> object:
    parser = Parser(prog="small")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--end", choices=["late", "soon"])
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--enigne", "local"], "unknown option --enigne: did you mean --engine?"),
        (["--enigne=local"], "unknown option --enigne: did you mean --engine?"),
        (["--engine", "x", "-q"], "unknown option -q; see small --help"),
        (["--engine", "x", "y"], "unexpected argument 'y'; see small --help"),
        (["--engine", "x", "--end", "son"], "unknown --end 'son' (did you mean soon? known: late, soon)"),
        (["--engine", "x", "--end", "2"], "unknown --end '2' (known: late, soon)"),
        ([], "the following arguments are required: --engine; see small --help"),
    ],
)
def test_what_is_wrong_is_one_sentence(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert refusal(capsys, small, *words) == f"error: {message}\n"


def test_the_beginning_of_an_option_is_enough_and_a_value_may_look_like_one() -> None:
    assert vars(small(["--eng=--x"]))["engine"] == "--x"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_the_harness_suggests_an_option(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert (
        refusal(capsys, make_parser().parse_args, verb, "--hepl")
        == "error: unknown option --hepl: did you mean --help?\n"
    )


def test_a_verb_of_the_harness_does_not_wait_for_the_modules_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    import_module = importlib.import_module

    def note(name: str) -> ModuleType:
        imported.append(name)
        return import_module(name)

    monkeypatch.setattr(importlib, "import_module", note)
    make_parser("tables")
    assert imported == ["experiments.cli.tables"]
    make_parser("--help")
    assert imported[1:] == [f"experiments.cli.{verb}" for verb in VERBS]


@pytest.mark.parametrize("verb", [verb for verb, _, _ in cmd.VERBS])
def test_every_verb_of_the_loader_suggests_an_option(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert refusal(capsys, cmd.parse, verb, "--dbrul", "x") == "error: unknown option --dbrul: did you mean --dburl?\n"


def test_both_programs_suggest_a_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, make_parser().parse_args, "matrices").startswith(
        "error: unknown verb 'matrices' (did you mean matrix? known: matrix, tables, "
    )
    assert refusal(capsys, cmd.parse, "rnu").startswith("error: unknown verb 'rnu' (did you mean run? known: run, ")
