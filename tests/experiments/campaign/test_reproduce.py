from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from experiments.__main__ import main
from experiments.campaign.reproduce import Reproduction, read_reproduction
from experiments.environment.package_sets import content_hash, short_content
from experiments.errors import BadInput
from experiments.matrix.cell import Cell, read_cell
from experiments.matrix.spec import load_matrix
from experiments.records.campaign import keep_published, load_campaign
from experiments.records.description import Description, ShownCell, ShownExperiment
from experiments.records.folder import CampaignFolder, create
from experiments.records.record import Record
from experiments.records.redaction import without_paths
from experiments.report.publish import verdicts_of, write_front_page, write_tables
from experiments.report.terminal import UNLIMITED
from tests.experiments.made_campaigns import measured
from tests.experiments.made_packages import make_wheel
from tests.experiments.older_cells import without
from tests.project import ROOT

MATRIX = ROOT / "matrix.yaml"


def recorded(**data: Any) -> dict[str, Any]:
    """The shipped matrix as campaign.json has it, with other values of its data set 'ny'."""
    matrix: dict[str, Any] = json.loads(json.dumps(without_paths(asdict(load_matrix(MATRIX)))))
    matrix["data"]["ny"].update(data)
    return matrix


@pytest.fixture
def published(description: Description, uvloop_cell: Cell) -> Description:
    """Two experiments with baselines of their own; that of 'pools' is an ordinary cell of 'loaders'."""
    slow = replace(uvloop_cell, loop="asyncio")
    cells = (
        ShownCell("sha256:aa1", "a", ("loaders",), description.cells[0].cell),
        ShownCell("sha256:aa1", "b", ("loaders",), description.cells[0].cell),
        ShownCell("sha256:ab2", "a", ("loaders", "pools"), uvloop_cell),
        ShownCell("sha256:ab2", "b", ("pools",), uvloop_cell),
        ShownCell("sha256:c3", "a", ("loaders",), slow),
        ShownCell("sha256:d4", "a", ("pools",), replace(uvloop_cell, poolsize=5)),
        ShownCell("sha256:e5", "a", ("pools",), replace(slow, poolsize=5), "no wheel"),
    )
    matrix = recorded()
    matrix["experiments"]["pools"] = matrix["experiments"]["pool_sizes"]
    experiments = (ShownExperiment("loaders", "Which?"), ShownExperiment("pools", "How many?"))
    return replace(description, cells=cells, matrix=matrix, experiments=experiments, source_hash="sha256:1")


def read(tmp_path: Path, described: Description, **options: Any) -> Reproduction:
    folder = create(tmp_path, described)
    return read_reproduction(folder, **{"keys": (), "repeats": None, "data": None, "force": False, **options})


def shown(reproduction: Reproduction) -> list[tuple[Any, ...]]:
    return [(one.cell.loop, one.cell.poolsize, one.arm, one.experiments) for one in reproduction.cells]


def test_all_cells_run_again_in_both_arms_with_what_could_not_run(tmp_path: Path, published: Description) -> None:
    found = read(tmp_path, published)
    assert [(one.cell, one.arm, one.experiments) for one in found.cells] == [
        (one.cell, one.arm, one.experiments) for one in published.cells
    ]
    assert [one.unsupported for one in found.cells] == [*[None] * 6, "no wheel"]
    assert (found.matrix.repeats, found.max_connections) == (6, 30)
    assert dict(found.matrix.profiles) == {}


def test_a_chosen_cell_brings_the_baseline_that_it_is_compared_with(tmp_path: Path, published: Description) -> None:
    assert shown(read(tmp_path / "1", published, keys=["sha256:c3"], repeats=2)) == [
        (None, 20, "a", ("loaders",)),
        (None, 20, "b", ("loaders",)),
        ("asyncio", 20, "a", ("loaders",)),
    ]
    assert shown(read(tmp_path / "2", published, keys=["d"])) == [
        ("uvloop", 20, "a", ("pools",)),
        ("uvloop", 20, "b", ("pools",)),
        ("uvloop", 5, "a", ("pools",)),
    ]
    # A baseline that is chosen for itself is a cell of another experiment, too.
    assert shown(read(tmp_path / "3", published, keys=["ab2"])) == [
        (None, 20, "a", ("loaders",)),
        (None, 20, "b", ("loaders",)),
        ("uvloop", 20, "a", ("loaders", "pools")),
        ("uvloop", 20, "b", ("pools",)),
    ]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "f",
            r"^--cell: no cell key of 2026-11-22T1430-local begins with 'f'; see cell_key in its campaign",
        ),
        (
            "sha256:a",
            r"^--cell: 'sha256:a' is ambiguous \(2 cell keys match\); give more characters:\n- sha256:aa1: engine",
        ),
        ("e5", r"^--cell: 'e5' has no published result, as it cannot run: no wheel$"),
    ],
)
def test_a_key_that_names_no_cell_or_several_is_refused(
    key: str, message: str, tmp_path: Path, published: Description
) -> None:
    with pytest.raises(BadInput, match=message):
        read(tmp_path, published, keys=[key])


def test_a_campaign_of_before_some_axes_runs_again_with_what_its_loaders_used_then(
    tmp_path: Path, published: Description
) -> None:
    new = ("gil", "protocol", "implementation")
    old = tuple(replace(one, cell=read_cell(without(one.cell, *new))) for one in published.cells)
    assert [one.cell for one in read(tmp_path, replace(published, cells=old)).cells] == [
        one.cell for one in published.cells
    ]


def test_what_this_version_does_not_know_is_refused_with_the_place(tmp_path: Path, published: Description) -> None:
    for name, changes, message in (
        ("2", {"loader": "row_by_row_gone"}, "the loader row_by_row_gone is not known to this version"),
        ("3", {"postgres": "defaults"}, r"postgres: 'defaults' is not in its matrix \(did you mean default\?"),
    ):
        cells = (replace(published.cells[0], cell=read_cell({**published.cells[0].cell.axes(), **changes})),)
        with pytest.raises(BadInput, match=f"campaign.json: sha256:aa1: {message}"):
            read(tmp_path / name, replace(published, cells=cells))


def test_a_published_campaign_cannot_have_its_server_run_a_command(tmp_path: Path, published: Description) -> None:
    matrix = recorded()
    matrix["postgres"]["default"]["settings"] = {"archive_mode": "on", "archive_command": "id; true"}
    with pytest.raises(
        BadInput, match=r"campaign.json:\d+: matrix.postgres.default.settings.archive_command: commands, "
    ):
        read(tmp_path, replace(published, matrix=matrix))


def test_a_recorded_matrix_is_checked_like_matrix_yaml_with_its_line(tmp_path: Path, published: Description) -> None:
    matrix = {**recorded(), "timeout_s": -1.0}
    with pytest.raises(BadInput) as raised:
        read(tmp_path, replace(published, matrix=matrix))
    file = tmp_path / published.campaign / "campaign.json"
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if '"timeout_s"' in text)
    assert str(raised.value) == f"{file}:{line}: matrix.timeout_s: -1.0 is too small: write more than 0"


def test_a_folder_whose_path_was_not_published_has_to_be_named(tmp_path: Path, published: Description) -> None:
    gone = replace(published, matrix=recorded(source="directory", state=None, path="Rhode_Island"))
    with pytest.raises(BadInput, match=r"data ny: 'Rhode_Island' is not a known folder .*; name it with --data"):
        read(tmp_path / "1", gone)
    found = read(tmp_path / "2", gone, data=str(tmp_path))
    assert found.matrix.data["ny"].path == str(tmp_path)
    with pytest.raises(BadInput, match=r"^--data: 'nowhere' is not a folder; "):
        read(tmp_path / "3", gone, data="nowhere")
    with pytest.raises(BadInput, match=r"^--data: it replaces the only .*, but they use generated or fetched"):
        read(tmp_path / "4", published, data=str(tmp_path))


def test_a_folder_here_that_happens_to_have_the_name_of_the_published_one_is_not_taken_for_it(
    tmp_path: Path, published: Description, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("Rhode_Island", "data/Rhode_Island"):
        Path(name).mkdir(parents=True)
    with pytest.raises(BadInput, match="--data DIRECTORY"):
        read(tmp_path / "1", replace(published, matrix=recorded(source="directory", state=None, path="Rhode_Island")))
    relative = recorded(source="directory", state=None, path="data/Rhode_Island")
    assert read(tmp_path / "2", replace(published, matrix=relative)).matrix.data["ny"].path == "data/Rhode_Island"


def with_software(description: Description, version: str = "3.13.0", **changes: Any) -> Description:
    facts = replace(description.interpreters["3.13"], version=version)
    return replace(description, **{"interpreters": {"3.13": facts}, **changes})


def test_other_pins_are_refused_with_the_commit_that_has_them(tmp_path: Path, published: Description) -> None:
    found = read(tmp_path, published)
    with pytest.raises(BadInput) as raised:
        found.check(with_software(published, "3.13.1", source_hash="sha256:2"))
    assert str(raised.value) == (
        "--reproduce: 2026-11-22T1430-local ran with other pins:\n"
        "- interpreters local: 3.13, version: 3.13.0 then, 3.13.1 now\n"
        "- loader, source: sha256:1 then, sha256:2 now\n"
        "git checkout 0123abc, and repeat this; or use --force to run with the present ones"
    )


@pytest.mark.parametrize("more", [False, True])
def test_what_debians_archive_has_moved_on_from_is_no_reason_to_check_out_a_commit(
    more: bool, tmp_path: Path, published: Description
) -> None:
    def made_of(libc: str, **changes: Any) -> Description:
        image = f"debian trixie: libc6 {libc}, postgresql-17 17.6 (recipe 3fa2c1); start-postgres.sh 0123abc"
        return replace(published, postgres={"default": replace(published.postgres["default"], image=image)}, **changes)

    found = read(tmp_path, made_of("2.41-12"))
    with pytest.raises(BadInput) as raised:
        found.check(made_of("2.41-13", **({"source_hash": "sha256:2"} if more else {})))
    lost = "no commit brings back postgres local: default, as Debian's archive has other versions now; "
    checkout = "git checkout 0123abc, and repeat this; "
    said = str(raised.value).splitlines()[-1]
    if more:
        assert said == f"{checkout}{lost}or use --force to run with the present ones"
    else:
        assert said == f"{lost}use --force to run with those"


def test_a_campaign_of_before_there_was_this_option_is_repeated_by_its_own_version(
    tmp_path: Path, published: Description
) -> None:
    environment = replace(published.environment, uncommitted_changes=True)
    selection = {"pg_bin": "17.11"}
    old = replace(published, source_hash=None, environment=environment, selection=selection)
    with pytest.raises(BadInput) as raised:
        read(tmp_path, old).check(with_software(published, "3.13.1"))
    assert str(raised.value).splitlines()[-1] == (
        "git checkout 0123abc (it had uncommitted changes), name the programs of PostgreSQL 17.11 that it ran with by "
        "--pg-bin, run it there with the selection in its campaign.json, and use nox -s compare; "
        "or use --force to run with the present ones"
    )


def test_other_pins_run_where_asked_for_and_another_machine_is_only_told(
    tmp_path: Path, published: Description
) -> None:
    moved = with_software(published, environment=replace(published.environment, cpu="Another"))
    told = "notice: not as published: environment, CPU: A Processor then, Another now"
    assert read(tmp_path / "1", published).check(moved) == [told]
    newer = replace(moved, source_hash="sha256:2")
    assert read(tmp_path / "2", published, force=True).check(newer) == [
        told,
        "warning: not as published: loader, source: sha256:1 then, sha256:2 now",
    ]
    assert read(tmp_path / "3", published).check(published) == []


def test_pins_of_what_does_not_run_again_do_not_matter(tmp_path: Path, published: Description) -> None:
    settings = {"default": replace(published.postgres["default"], settings={"max_connections": "99"})}
    unsupported = tuple(replace(one, unsupported="no Python 3.13 here") for one in published.cells)
    now = replace(published, postgres=settings, cells=unsupported)
    assert read(tmp_path, published).check(now) == []


ONE = {"row_by_row_threaded": 1.0, "again": 1.05, "row_by_row_asyncio": 1.2}


@pytest.fixture
def make_folder(
    tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> Callable[..., CampaignFolder]:
    """Writes a campaign of 5 blocks that ran, whose baseline differs by 5% from itself."""

    def make(**changes: Any) -> CampaignFolder:
        side = measured(replace(description, matrix=recorded()), make_record, ONE, **changes)
        folder = create(tmp_path, side.description)
        for record in side.records:
            folder.append(record)
        return folder

    return make


def read_all(folder: CampaignFolder, **options: Any) -> Reproduction:
    return read_reproduction(folder, **{"keys": (), "repeats": None, "data": None, "force": False, **options})


def test_the_outcome_is_written_anew_from_the_reproductions_own_folder(
    tmp_path: Path, make_folder: Callable[..., CampaignFolder]
) -> None:
    then = make_folder()
    now = make_folder(campaign="now", created_at="2026-11-23T14:30:02Z", reproduces=then.path.name)
    keep_published(now, read_all(then).published)
    write_tables(now)
    page = now.path / "reproduced.md"
    saved = page.read_text()
    text = verdicts_of(now, load_campaign(now), UNLIMITED)
    assert text is not None
    assert saved.count("\n| psycopg2 · threads") + saved.count("\n| aiopg · ") == 4
    assert text.count("\npsycopg2 · threads") + text.count("\naiopg · ") == 4
    for whole in (text, saved):
        assert whole.startswith("# 2026-11-22T1430-local reproduced\n")
        assert whole.endswith("- 1 of 2 cells reproduced, 0 not reproduced, 1 without a result.\n")
    # Nothing of the published campaign is needed any more, and an earlier command's copy of it stays.
    keep_published(now, replace(read_all(then).published, records=[]))
    shutil.rmtree(then.path)
    page.unlink()
    assert main(["tables", "now", "--results", str(tmp_path)]) == 0
    assert page.read_text() == saved
    # The only campaign there is: its front page has a link to it.
    page.unlink()
    write_front_page(tmp_path)
    assert page.read_text() == saved


def test_only_what_runs_again_is_kept_of_the_published_campaign(make_folder: Callable[..., CampaignFolder]) -> None:
    then = make_folder()
    cells = [
        *(replace(one, experiments=("loaders", "pools")) for one in then.description().cells[:2]),
        replace(then.description().cells[2], experiments=("loaders",)),
    ]
    experiments = (ShownExperiment("loaders", "Which?"), ShownExperiment("pools", "How many?"))
    then.rewrite(replace(then.description(), cells=tuple(cells), experiments=experiments))
    published = read_all(then, keys=["row_by_row_asyncio"]).published
    assert [one.name for one in published.description.experiments] == ["loaders"]
    assert len(published.description.cells) == 3
    assert len(published.records) == 15
    published = read_all(then, keys=["row_by_row_threaded"]).published
    assert len(published.description.cells) == 2
    assert {record.cell_key for record in published.records} == {"sha256:row_by_row_threaded"}


def test_what_could_get_no_verdict_is_refused_beforehand_unless_asked_for(
    make_folder: Callable[..., CampaignFolder],
) -> None:
    folder = make_folder()
    read_all(folder).check_verdicts()
    with pytest.raises(BadInput) as raised:
        read_all(folder, repeats=4).check_verdicts()
    assert str(raised.value) == (
        "--reproduce: no cell could get a verdict: 4 blocks planned, and a noise floor needs 5; use --repeats 5 "
        "or more, or use --force to run without verdicts"
    )
    read_all(folder, repeats=4, force=True).check_verdicts()


def test_a_campaign_whose_noise_hides_everything_is_refused_beforehand(
    make_folder: Callable[..., CampaignFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ONE, "again", 2.38)
    with pytest.raises(BadInput, match=r"the noise floor of .* is 138\.0%, which hides even a change by half; choose"):
        read_all(make_folder()).check_verdicts()


def test_a_campaign_without_a_noise_floor_gives_no_verdicts_however_often_it_is_run_again(
    tmp_path: Path, published: Description
) -> None:
    with pytest.raises(BadInput, match=r"2026-11-22T1430-local has 0 good blocks of its baseline, .*; choose another"):
        read(tmp_path, published, repeats=10).check_verdicts()


@pytest.mark.parametrize("change", [{"python": "../../x"}, {"engine": "cloud"}, {"transaction": "none"}, {"gil": "on"}])
def test_a_recorded_cell_has_only_values_that_matrix_yaml_may_have(
    change: dict[str, Any], tmp_path: Path, published: Description
) -> None:
    shown = replace(published.cells[0], cell=replace(published.cells[0].cell, **change))
    axis, value = next(iter(change.items()))
    with pytest.raises(BadInput, match=rf"campaign.json: {shown.cell_key}: {axis}: .*'{value}'"):
        read(tmp_path, replace(published, cells=(shown,)))


@pytest.mark.parametrize("value", ["many", "", "-1", "9" * 5_000])
def test_a_number_of_connections_that_is_none_is_passed_over(
    value: str, tmp_path: Path, published: Description
) -> None:
    servers = {name: replace(one, settings={"max_connections": value}) for name, one in published.postgres.items()}
    assert read(tmp_path, replace(published, postgres=servers)).max_connections is None


def with_packages(described: Description, text: str, facts: str) -> Description:
    """The campaign with a set of packages in all of its cells."""
    matrix = {**recorded(), "packages": {"own": {"psycopg2-binary": text}}}
    cells = tuple(replace(one, cell=replace(one.cell, packages="own")) for one in described.cells)
    python = replace(described.interpreters["3.13"], packages={"psycopg2-binary": facts})
    return replace(described, matrix=matrix, cells=cells, interpreters={"local: 3.13 with own": python})


def test_only_the_wheel_that_was_published_is_installed_again(
    tmp_path: Path, published: Description, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "psycopg2_binary-2.9.12-py3-none-any.whl"
    content = content_hash("psycopg2-binary", make_wheel(tmp_path, name).name)
    same = with_packages(published, name, f"2.9.12 (wheel {short_content(content)})")
    assert read(tmp_path / "1", same).matrix.packages == {"own": {"psycopg2-binary": name}}
    other = with_packages(published, name, "2.9.12 (wheel sha256:0123456789ab)")
    with pytest.raises(BadInput, match=rf"packages own: '{name}' is not what was published \(psycopg2-binary 2.9.12 "):
        read(tmp_path / "2", other)
    # Of an absolute path its last part was published.
    with pytest.raises(BadInput, match=r"^psycopg2-binary: there is no folder '\./source'"):
        read(tmp_path / "3", with_packages(published, "source", "2.9.12 (folder sha256:0123456789ab)"))
    assert read(tmp_path / "4", with_packages(published, "2.9.12", "2.9.12")).cells[0].cell.packages == "own"


def test_a_set_that_the_recorded_matrix_lacks_is_refused(tmp_path: Path, published: Description) -> None:
    lacking = replace(with_packages(published, "2.9.12", "2.9.12"), matrix=recorded())
    with pytest.raises(BadInput, match=r"packages: 'own' is not in its matrix \(known: locked\)"):
        read(tmp_path, lacking)
