"""Locks with other packages on top: what is asked of uv, what is kept of the project's lock, and what names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from experiments.environment import package_sets
from experiments.environment.package_sets import FOR_IMAGES, Builder, Lock, content_hash, ensure_lock, project_lock
from experiments.environment.requirements import left_out
from experiments.environment.resolve import Unresolved
from experiments.errors import BadInput, Unsupported
from experiments.matrix.packages import Packages
from tests.experiments.made_packages import make_source, make_wheel

WHEEL = "psycopg-3.4.0.dev1-py3-none-any.whl"
LOCAL = Builder(Path("/usr/bin/python"), "3.13.1 (main)")
OLDER = (("asyncpg", "0.29.0"),)


def entry(requirement: str) -> str:
    return f"{requirement} \\\n    --hash=sha256:{requirement.partition('==')[2]}\n"


LOCKED = "".join(map(entry, ("aiopg==1.4.0", "asyncpg==0.32.0", "psycopg==3.3.9", "psycopg-binary==3.3.9")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lock = tmp_path / "project" / "docker" / "requirements" / "py3.13.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"# left out: rloop: no wheel\n# left out on s390x: gevent: none\n{LOCKED}")
    return tmp_path / "project"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The requirements of each question to uv, which finds whatever is older than psycopg 3.4 and asyncpg 1."""
    calls: list[list[str]] = []

    def resolve_upon(lock: str, requirements: Sequence[str], python: str, architecture: str) -> str:
        assert (python, architecture) == ("3.13", "x86_64")
        calls.append([*requirements])
        for one in requirements:
            if "==3.4" in one or "==9" in one:
                raise Unresolved(f"there is no version of {one}")
        needed = ["async-timeout==4.0.3"] if any("asyncpg" in one for one in requirements) else []
        return "".join(entry(one) for one in (*requirements, *needed))

    monkeypatch.setattr(package_sets, "resolve_upon", resolve_upon)
    monkeypatch.setattr(package_sets, "list_versions", lambda distribution: ("9.1.0", "0.32.0", "0.29.0"))
    return calls


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[list[str]]]:
    """A builder of wheels of this name, and the files of each source folder that it was given."""

    def let_build(name: str) -> list[list[str]]:
        sources: list[list[str]] = []

        def build_wheel(source: Path, python: Path, folder: Path) -> Path:
            sources.append(sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()))
            return make_wheel(folder, name, content=f"built {len(sources)} times")

        monkeypatch.setattr(package_sets, "build_wheel", build_wheel)
        return sources

    return let_build


def make(project: Path, packages: Packages, builder: Builder = LOCAL) -> Lock:
    return ensure_lock("3.13", packages, "x86_64", builder, project=project)


def pinned(lock: Lock) -> list[str]:
    return [line.removesuffix(" \\") for line in lock.text().splitlines() if "==" in line and line[0] != "#"]


def test_without_packages_it_is_the_projects_lock(project: Path, asked: list[list[str]]) -> None:
    assert make(project, ()) == project_lock("3.13", project)
    assert asked == []


def test_a_version_takes_the_place_of_the_locked_one_with_what_it_needs(project: Path, asked: list[list[str]]) -> None:
    lock = make(project, OLDER)
    assert pinned(lock) == [
        *("aiopg==1.4.0", "async-timeout==4.0.3", "asyncpg==0.29.0", "psycopg==3.3.9", "psycopg-binary==3.3.9")
    ]
    assert lock.packages == {"asyncpg": "0.29.0"}
    assert left_out(lock.file) == {"rloop": "no wheel"}
    assert lock.hash != project_lock("3.13", project).hash
    assert asked == [["asyncpg==0.29.0"]]


def test_it_is_resolved_once_for_the_same_lock_of_the_project(project: Path, asked: list[list[str]]) -> None:
    first = make(project, OLDER)
    assert make(project, OLDER) == first
    assert len(asked) == 1
    file = project / "docker" / "requirements" / "py3.13.txt"
    file.write_text(file.read_text().replace("aiopg==1.4.0", "aiopg==1.4.1"))
    assert pinned(make(project, OLDER))[0] == "aiopg==1.4.1"


def test_of_psycopg_the_wheel_of_its_c_has_the_same_version(project: Path, asked: list[list[str]]) -> None:
    lock = make(project, (("psycopg", "3.2.1"),))
    assert pinned(lock)[-2:] == ["psycopg==3.2.1", "psycopg-binary==3.2.1"]
    assert asked[-1] == ["psycopg==3.2.1", "psycopg-binary==3.2.1"]


def test_a_wheel_is_installed_by_its_path_and_identified_by_its_content(
    project: Path, asked: list[list[str]], tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "dist", WHEEL)
    lock = make(project, (("psycopg", str(wheel)),))
    copy = lock.file.parent / WHEEL
    assert copy.read_bytes() == wheel.read_bytes()
    content = content_hash("psycopg", str(wheel))
    assert f"psycopg @ {copy.as_uri()} \\\n    --hash={content}\n" in lock.file.read_text()
    assert f"psycopg==3.4.0.dev1 \\\n    --hash={content}\n" in lock.text()
    assert lock.packages == {"psycopg": f"3.4.0.dev1 (wheel {content[:19]})"}
    # The index has no such version of the wheel of its C.
    assert left_out(lock.file)["psycopg-binary"] == (
        "there is no version of psycopg-binary==3.4.0.dev1; name one in the same set, or choose another implementation"
    )
    assert [one for one in pinned(lock) if one.startswith("psycopg")] == ["psycopg==3.4.0.dev1"]
    make_wheel(tmp_path / "dist", WHEEL, content="x = 2\n")
    assert make(project, (("psycopg", str(wheel)),)).hash != lock.hash


def test_a_folder_is_built_from_a_copy_and_identified_by_its_content_whatever_the_build_gives(
    project: Path, asked: list[list[str]], builds: Callable[[str], list[list[str]]], tmp_path: Path
) -> None:
    built, folder = builds(WHEEL), make_source(tmp_path / "source")
    packages = (("psycopg", str(folder)),)
    lock = make(project, packages)
    assert make(project, packages) == lock
    assert built == [["pyproject.toml", "src/psycopg/__init__.py"]]
    assert lock.packages == {"psycopg": f"3.4.0.dev1 (folder {content_hash('psycopg', str(folder))[:19]})"}
    (folder / "build" / "more.py").touch()
    for_other = make(project, packages, Builder(Path("/usr/bin/python"), "3.13.2 (main)"))
    assert len(built) == 2
    assert (for_other.hash, for_other.text() == lock.text()) == (lock.hash, False)
    (folder / "src" / "psycopg" / "__init__.py").write_text("x = 2\n")
    assert make(project, packages).hash != lock.hash


def test_a_folder_that_builds_another_distribution_is_refused(
    project: Path, asked: list[list[str]], builds: Callable[[str], list[list[str]]], tmp_path: Path
) -> None:
    builds("other-1-py3-none-any.whl")
    folder = make_source(tmp_path / "source", 'dynamic = ["name"]')
    with pytest.raises(BadInput, match=r"^psycopg: '.*source' has the distribution other, not psycopg: "):
        make(project, (("psycopg", str(folder)),))


def test_for_images_only_plain_python_is_built(
    project: Path, asked: list[list[str]], builds: Callable[[str], list[list[str]]], tmp_path: Path
) -> None:
    packages = (("psycopg", str(make_source(tmp_path / "source"))),)
    builds("psycopg-3.4.0.dev1-cp313-cp313-linux_x86_64.whl")
    assert make(project, packages).packages
    with pytest.raises(Unsupported, match="has compiled modules, which are not built for images: name a manylinux wh"):
        make(project, packages, FOR_IMAGES)
    builds(WHEEL)
    assert make(project, packages, FOR_IMAGES).packages


def test_a_version_that_does_not_exist_is_bad_input_with_those_that_do(project: Path, asked: list[list[str]]) -> None:
    with pytest.raises(BadInput) as caught:
        make(project, (("asyncpg", "9.9.9"),))
    assert str(caught.value) == "asyncpg: there is no version 9.9.9 (known: 9.1.0, 0.32.0, 0.29.0)"


def test_a_version_that_exists_and_does_not_fit_is_unsupported(project: Path, asked: list[list[str]]) -> None:
    with pytest.raises(Unsupported) as caught:
        make(project, (("asyncpg", "9.1"),))
    assert str(caught.value) == "there is no version of asyncpg==9.1 (Python 3.13)"


def test_a_path_that_is_gone_is_refused(project: Path, asked: list[list[str]]) -> None:
    with pytest.raises(BadInput, match=r"^psycopg: there is no file 'gone\.whl': "):
        make(project, (("psycopg", "gone.whl"),))
