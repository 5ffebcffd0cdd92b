"""Resolution of the requirements locks by uv, from pip's package index."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.environment.install import find_reason
from experiments.environment.requirements import LockTarget, is_free_threaded
from experiments.environment.requirements_file import ARCHITECTURES, BUILDS_WITH, Notes, merge
from experiments.errors import Failure, Unsupported

_TIMEOUT_S = 600.0
# Without these there is no table to load into: an interpreter that cannot have them can have no lock.
_INDISPENSABLE = ("SQLAlchemy", "psycopg2-binary")
# What uv calls the settings that pip knows by these names. Not extra-index-url: what stands only there, others lack.
_UV_NAMES = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}

# uv takes from an interpreter whether wheels for free-threaded builds are wanted, and no option says so. So that locks
# can be made without such a build, and are the same on every machine, it gets the harness's interpreter, which
# answers uv's question ("python -c CODE ARGUMENTS") as one that is, or is not, free-threaded.
_STAND_IN = """
import sys, sysconfig
real = sysconfig.get_config_var
sysconfig.get_config_var = lambda name: {free_threaded} if name == "Py_GIL_DISABLED" else real(name)
position = sys.argv.index("-c") + 1
code, sys.argv = sys.argv[position], ["-c", *sys.argv[position + 1:]]
exec(compile(code, "<string>", "exec"))
"""


class Unresolved(Exception):
    """The error that no versions fit, with uv's reason on one line."""


@dataclass(frozen=True)
class _Question:
    """A question to uv: a target's requirements with these options."""

    target: LockTarget
    options: tuple[str, ...]
    environment: Mapping[str, str]
    newest: bool = True
    """Whether versions that stand in the output file may be left for newer ones."""

    def answer(self, requirements: Sequence[str], *options: str) -> str:
        """Return the locked requirements. Raises Unresolved, or Failure if uv fails for another reason."""
        command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--color", "never"]
        command += ["--python-version", self.target.python.rstrip("t"), "--only-binary", ":all:", "--generate-hashes"]
        # No index, path or annotation of this machine gets into the file.
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--upgrade"] if self.newest else []
        # Versions are for the interpreter that is named, which need not be here.
        command += ["--no-python-downloads", *self.options, *options]
        if not self.target.own_dependencies:
            command.append("--no-deps")
        text, environment = "\n".join(requirements), dict(self.environment)
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, timeout=_TIMEOUT_S, check=False
        )
        if done.returncode != 0:
            if "No solution found" not in done.stderr:
                raise Failure(f"{self.target.file.name}: uv failed: {' '.join(done.stderr.split())}")
            raise Unresolved(_cause(done.stderr))
        return done.stdout


def make_lock(target: LockTarget, environment: Mapping[str, str]) -> Notes:
    """Resolve the newest versions and write the lock; return what is left out or built. Raises Failure."""
    try:
        if target.universal:
            notes, text = Notes(), _Question(target, ("--universal",), environment).answer(target.requirements)
        else:
            notes, text = _resolve(target, environment)
    except Unresolved as error:
        raise Failure(f"{target.file.name}: {error}") from error
    target.file.parent.mkdir(parents=True, exist_ok=True)
    target.file.write_text(target.header(notes) + text)
    return notes


def resolve_upon(lock: str, requirements: Sequence[str], python: str, architecture: str) -> str:
    """Return the entries of requirements and what they need, in the versions of a lock where those fit.

    Raises Unresolved, or Failure if uv fails for another reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        # uv prefers the versions that stand in its output file.
        output = Path(folder) / "requirements.txt"
        output.write_text(lock)
        executable = stand_in(Path(folder), free_threaded=is_free_threaded(python))
        options = ["--python-platform", f"{architecture}-manylinux_2_28", "--python", str(executable)]
        options += ["--output-file", str(output)]
        target = LockTarget(output, (), python)
        _Question(target, tuple(options), uv_environment(), newest=False).answer(requirements)
        return output.read_text()


def list_versions(distribution: str) -> tuple[str, ...]:
    """Return the versions that the package index has, newest first; none if it does not answer."""
    environment = uv_environment()
    index = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL")
    command = [sys.executable, "-m", "pip", "index", "versions", distribution, "--pre", "--ignore-requires-python"]
    command += ["--index-url", index] if index else []
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    match = re.search(r"^Available versions: (.*)$", done.stdout, re.MULTILINE)
    return tuple(match[1].split(", ")) if match else ()


def build_wheel(source: Path, python: Path, folder: Path) -> Path:
    """Build the wheel of a source folder, which is left with the builder's files. Raises Unsupported with its words."""
    command = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--color", "never", "--no-python-downloads"]
    command += ["--python", str(python), "--out-dir", str(folder), str(source)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=uv_environment(), timeout=_TIMEOUT_S, check=False
    )
    built = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(built) != 1:
        raise Unsupported(f"cannot be built: {find_reason('uv', done.stderr, 'error: ')}")
    return built[0]


def requirement_name(requirement: str) -> str:
    """Return a requirement's distribution: 'aiopg' for ``aiopg>=1.4``, 'psycopg-binary' for its extra."""
    match = re.match(r"([A-Za-z0-9._-]+)(?:\[([A-Za-z0-9._-]+)\])?", requirement)
    return "-".join(part for part in match.groups() if part) if match else requirement


def index_environment(pip_configuration: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Translate the index and certificate in ``pip config list`` for uv; what the user has set for uv stays."""
    result = dict(environment)
    for line in pip_configuration.splitlines():
        match = re.fullmatch(r"(?:global|install|:env:)\.([\w-]+)='(.*)'", line)
        if match and match[1] in _UV_NAMES:
            result.setdefault(_UV_NAMES[match[1]], match[2])
    return result


def uv_environment() -> dict[str, str]:
    """Return the environment for uv on this machine."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    return index_environment(listed.stdout, os.environ)


def stand_in(folder: Path, *, free_threaded: bool) -> Path:
    """Make an executable that uv takes for an interpreter with or without the GIL."""
    script = folder / "stand_in.py"
    script.write_text(_STAND_IN.format(free_threaded=int(free_threaded)))
    executable = folder / "python"
    executable.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I {shlex.quote(str(script))} "$@"\n')
    executable.chmod(0o755)
    return executable


def _resolve(target: LockTarget, environment: Mapping[str, str]) -> tuple[Notes, str]:
    """Return the locked requirements of all processors, and what is unavailable for which."""
    texts, left_out, from_source = {}, {}, list[str]()
    for architecture in ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            python = stand_in(Path(folder), free_threaded=is_free_threaded(target.python))
            options = ("--python-platform", f"{architecture}-manylinux_2_28")
            question = _Question(target, (*options, "--python", str(python)), environment)
            built = [name for name in target.may_be_built if _why_not(question, name)]
            texts[architecture], left_out[architecture] = _resolve_for_one(question, built, Path(folder))
        if built:
            texts[architecture] = merge({architecture: texts[architecture] + _sources(target, built, environment)})
        from_source += [name for name in built if name not in from_source]
    return Notes(left_out if any(left_out.values()) else {}, tuple(from_source)), merge(texts)


def _resolve_for_one(question: _Question, built: Sequence[str], folder: Path) -> tuple[str, dict[str, str]]:
    """Return the locked wheels of one processor without ``built``, and the unavailable with reasons."""
    excludes = folder / "excludes.txt"
    excludes.write_text("\n".join(built))
    without = ("--excludes", str(excludes)) if built else ()
    wanted = [name for name in question.target.requirements if requirement_name(name) not in built]
    wanted += BUILDS_WITH if built else ()
    left_out = _find_unavailable(question, wanted, without) if question.target.may_leave_out else {}
    kept = [requirement for requirement in wanted if requirement_name(requirement) not in left_out]
    return question.answer(kept, *without), left_out


def _find_unavailable(question: _Question, wanted: Sequence[str], options: Sequence[str]) -> dict[str, str]:
    """Find requirements without wheels, each with the reason. Raises Failure for an indispensable one."""
    try:
        question.answer(wanted, *options)
    except Unresolved:
        pass
    else:
        return {}
    reasons = {requirement_name(one): _why_not(question, one, *options) for one in wanted}
    found = {name: reason for name, reason in reasons.items() if reason is not None}
    missing = [name for name in _INDISPENSABLE if name in found]
    if missing:
        raise Failure(f"{question.target.file.name}: every loader needs {missing[0]}: {found[missing[0]]}")
    return found


def _why_not(question: _Question, requirement: str, *options: str) -> str | None:
    """Return why a requirement is unavailable; None if it is available."""
    # Of an extra's own distribution the reason is short; in the requirement's there is one for each of its versions.
    for asked in dict.fromkeys((requirement_name(requirement), requirement) if "[" in requirement else (requirement,)):
        try:
            question.answer([asked], *options)
        except Unresolved as error:
            # Of those the rest is a long deduction from single versions.
            many = str(error).startswith("all of:")
            return f"no version of {requirement_name(asked)} has usable wheels" if many else str(error)
    return None


def _sources(target: LockTarget, built: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the entries built from source: the newest version with wheels for the build with the GIL.

    The hashes are those of all its files, the sources among them. uv would have to build it to learn what it depends
    on, which takes PostgreSQL's headers; it depends on nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = stand_in(Path(folder), free_threaded=False)
        options = ("--python-platform", f"{ARCHITECTURES[0]}-manylinux_2_28", "--python", str(python), "--no-deps")
        return _Question(target, options, environment).answer(built)


def _cause(message: str) -> str:
    """Extract the reason from uv's report on an impossible resolution, without hints and markers."""
    text = re.sub(r"\{[^}]*\}", "", " ".join(message.partition("hint:")[0].split()))
    match = re.search(r"cause: Because (.*?)(?:,? and you require|, we can conclude|$)", text)
    return match[1] if match else text
