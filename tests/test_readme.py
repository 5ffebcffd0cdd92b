"""The README's commands, as they stand: sessions and options that exist, and the loader's that really run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bigdata.cmd import parse
from experiments.__main__ import make_parser
from tests.project import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")

COMMANDS = [
    command.split("#")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README + CONTRIBUTING, re.DOTALL)
    for line in block.splitlines()
    for command in line.split(" && ")
]
NOX = [shlex.split(command)[1:] for command in COMMANDS if command.startswith(".venv/bin/nox")]
LOADER = [shlex.split(command)[3:] for command in COMMANDS if "-m bigdata.cmd" in command]


def test_the_readme_shows_commands_of_both_programs() -> None:
    assert ["-s", "matrix"] in NOX
    assert ["-s", "tests"] in NOX
    assert {"list", "generate", "run"} <= {word for command in LOADER for word in command}


@pytest.mark.parametrize("command", NOX, ids=" ".join)
def test_a_nox_command_names_a_session_and_options_that_exist(command: list[str]) -> None:
    session = command[1] if command else "lint"
    assert re.search(rf"^def {session}\(session", NOXFILE, re.MULTILINE)
    options = command[3:]
    if options and session not in ("tests", "lint", "types"):
        make_parser().parse_args([session, *options])


@pytest.mark.parametrize("command", LOADER, ids=" ".join)
def test_a_command_of_the_loader_parses(command: list[str]) -> None:
    assert parse(command).verb in command


@pytest.mark.parametrize("option", sorted(set(re.findall(r"^\| `(--[a-z-]+)", README, re.MULTILINE))))
def test_an_option_of_the_table_is_one_of_the_command(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(["matrix", "--help"])
    assert option in capsys.readouterr().out


def test_the_offline_commands_of_the_loader_run_as_they_stand(tmp_path: Path) -> None:
    offline = [command for command in LOADER if command[0] in ("list", "generate")]
    assert len(offline) == 2
    for command in offline:
        program = [sys.executable, "-m", "bigdata.cmd", *command]
        environment = {"PYTHONPATH": str(ROOT)}
        assert subprocess.run(program, cwd=tmp_path, env=environment, check=False).returncode == 0
    assert (tmp_path / "data/ny/nygeo_uf1.zip").is_file()
