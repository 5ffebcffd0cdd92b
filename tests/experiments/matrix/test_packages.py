"""Sets of packages: what a matrix and the command line may say, as far as it is known without building."""

from __future__ import annotations

from pathlib import Path

import pytest

from bigdata.registry import LOADERS
from experiments.errors import BadInput
from experiments.matrix.packages import (
    DISTRIBUTIONS,
    find_problem,
    name_sets,
    needed_by,
    packages_of,
    parse_set,
    static_version,
    wheel_parts,
)
from tests.experiments.made_packages import make_source, make_wheel

WHEEL = "psycopg-3.4.0.dev1-py3-none-any.whl"
NONE: dict[str, dict[str, str]] = {}


def test_a_set_may_name_what_loaders_import_and_nothing_that_comes_with_it() -> None:
    assert {"asyncpg", "psycopg", "psycopg-binary", "psycopg-c", "psycopg2-binary", "uvloop"} < {*DISTRIBUTIONS}
    assert not {"asyncio", "psycopg-python", "typing-extensions"} & {*DISTRIBUTIONS}


def test_a_loader_needs_its_driver_its_loop_and_its_implementation() -> None:
    assert needed_by(LOADERS["row_by_row_asyncio"], "uvloop", None) == ("aiopg", "psycopg2-binary", "uvloop")
    assert needed_by(LOADERS["row_by_row_psycopg_threaded"], None, "binary") == ("psycopg", "psycopg-binary")


def test_the_packages_of_a_set_do_not_depend_on_their_order() -> None:
    sets = {"one": {"psycopg": "3.2.1", "gevent": "24.2.1"}}
    assert packages_of(sets, "one") == (("gevent", "24.2.1"), ("psycopg", "3.2.1"))
    assert packages_of(sets, "locked") == ()


def test_a_wheel_is_named_after_distribution_and_version() -> None:
    assert wheel_parts("psycopg2_binary-2.9.13-1-cp311-cp311-manylinux_2_28_x86_64.whl") == (
        "psycopg2-binary",
        "2.9.13",
    )
    with pytest.raises(ValueError, match="is not named as a wheel is"):
        wheel_parts("psycopg.whl")


def test_a_version_a_wheel_and_a_source_folder_are_fine(tmp_path: Path) -> None:
    wheel, folder = make_wheel(tmp_path, WHEEL), make_source(tmp_path / "source")
    assert [find_problem("psycopg", text) for text in ("3.4.0.dev1", str(wheel), str(folder))] == [None] * 3
    assert [static_version(str(path)) for path in (wheel, folder)] == ["3.4.0.dev1"] * 2
    make_source(tmp_path / "source", 'name = "psycopg"\ndynamic = ["version"]')
    assert static_version(str(folder)) is None
    (folder / "pyproject.toml").write_text("[build-system]\n")
    assert find_problem("psycopg", str(folder)) is None


def test_what_is_wrong_with_a_path_is_known_without_building(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_wheel(tmp_path, WHEEL)
    make_source(tmp_path / "source", 'name = "Other_Name"')
    Path("text-1-py3-none-any.whl").touch()
    expected = "expected a version such as 0.29.0, a wheel such as dist/NAME.whl, or a folder such as ./NAME"
    assert find_problem("psycopg", "new") == f"'new' is no version and no path: {expected}"
    assert find_problem("psycopg", "./no") == f"there is no folder './no': {expected}"
    assert find_problem("psycopg", "no.whl") == "there is no file 'no.whl': build it, or name another one"
    assert find_problem("text", "text-1-py3-none-any.whl") == (f"'text-1-py3-none-any.whl' is not a wheel: {expected}")
    assert find_problem("asyncpg", WHEEL) == (
        f"'{WHEEL}' has the distribution psycopg, not asyncpg: name it as psycopg, or name another path"
    )
    assert find_problem("psycopg", "./source") == (
        "'./source' has the distribution other-name, not psycopg: name it as other-name, or name another path"
    )
    assert find_problem("psycopg", ".") == (
        "'.' is not a source folder: name the folder with its pyproject.toml or setup.py"
    )
    assert find_problem("psycopg", "~nosuchuser/x") == (
        "'~nosuchuser/x' begins with the home of a user who has none: write the folder out"
    )


def test_a_text_of_the_command_line_names_one_distribution_or_several() -> None:
    assert parse_set("psycopg2_binary=2.9.12") == {"psycopg2-binary": "2.9.12"}
    assert parse_set("psycopg=3.2.1+local+psycopg-binary=3.2.1") == {
        "psycopg": "3.2.1+local",
        "psycopg-binary": "3.2.1",
    }
    assert parse_set("asyncpg=locked") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("asyncpg", "'asyncpg' is not NAME=VERSION, NAME=PATH or NAME=locked"),
        ("asyncpg=", "'asyncpg=' is not NAME=VERSION, NAME=PATH or NAME=locked"),
        (
            "asyncpgg=1",
            f"no loader needs the distribution 'asyncpgg' (did you mean asyncpg? known: {', '.join(DISTRIBUTIONS)})",
        ),
        ("asyncpg=no.whl", "asyncpg: there is no file 'no.whl': build it, or name another one"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_set(text)
    assert str(caught.value) == f"--packages: {message}"


def test_sets_of_the_command_line_have_names_that_a_matrix_could_have(tmp_path: Path) -> None:
    wheel, folder = make_wheel(tmp_path, WHEEL), make_source(tmp_path / "my source")
    texts = ["asyncpg=0.29.0", "asyncpg=locked", f"psycopg={wheel}", f"psycopg={folder}"]
    assert name_sets(texts, NONE) == {
        "asyncpg_0.29.0": {"asyncpg": "0.29.0"},
        "locked": {},
        "psycopg_3.4.0.dev1.whl": {"psycopg": str(wheel)},
        "psycopg_my_source": {"psycopg": str(folder)},
    }


def test_a_name_that_is_taken_by_something_else_gets_a_number(tmp_path: Path) -> None:
    one, other = make_wheel(tmp_path / "1", WHEEL), make_wheel(tmp_path / "2", WHEEL)
    assert list(name_sets([f"psycopg={one}", f"psycopg={other}", f"psycopg={one}"], NONE)) == [
        "psycopg_3.4.0.dev1.whl",
        "psycopg_3.4.0.dev1.whl_2",
    ]
    assert list(name_sets(["asyncpg=0.29.0"], {"asyncpg_0.29.0": {"asyncpg": "0.29.0"}})) == ["asyncpg_0.29.0"]
    assert list(name_sets(["asyncpg=0.29.0"], {"asyncpg_0.29.0": {"asyncpg": "0.28.0"}})) == ["asyncpg_0.29.0_2"]
