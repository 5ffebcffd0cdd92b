from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from experiments.analysis.differences import Difference, find_differences_between
from experiments.analysis.matching import pair_cells
from experiments.matrix.cell import Cell
from experiments.records.description import Description, ShownCell


def changed(description: Description, section: str, name: str, **facts: Any) -> Description:
    """The description with other facts behind one of its names."""
    parts = getattr(description, section)
    sections: dict[str, Any] = {section: {**parts, name: replace(parts[name], **facts)}}
    return replace(description, **sections)


def test_equal_campaigns_differ_in_nothing_whenever_they_ran_and_however_long(description: Description) -> None:
    later = replace(description, campaign="other", created_at="later", fingerprint="other", seed=1, repeats=20)
    assert find_differences_between(description, later) == ()


@pytest.mark.parametrize(
    ("key", "value", "what", "texts", "forbids"),
    [
        ("cpu", "Another", "CPU", ("A Processor", "Another"), True),
        ("machine", "aarch64", "architecture", ("x86_64", "aarch64"), True),
        ("cores", 8, "cores", ("4", "8"), True),
        ("cores_allowed", [0, 1, 2, 3], "cores allowed", ("0-2", "0-3"), True),
        ("virtualisation", "none", "virtualisation", ("virtual machine", "none"), True),
        ("file_system", "zfs", "file system of the servers on disk", ("ext4", "zfs"), True),
        ("memory_bytes", 4 * 2**30, "memory", ("8.0 GiB", "4.0 GiB"), False),
        ("kernel", "Linux 6.2", "kernel", ("Linux 6.1", "Linux 6.2"), False),
        ("system", "Debian 13", "system", ("Debian 12", "Debian 13"), False),
    ],
)
def test_another_machine_forbids_a_comparison_and_another_kernel_is_told(
    key: str, value: Any, what: str, texts: tuple[str, str], forbids: bool, description: Description
) -> None:
    other = replace(description, environment=replace(description.environment, **{key: value}))
    assert find_differences_between(description, other) == (
        Difference("host", "environment", what, *texts, forbids=forbids),
    )


def test_some_kilobytes_of_memory_are_no_difference(description: Description) -> None:
    other = replace(description, environment=replace(description.environment, memory_bytes=8 * 2**30 - 4096))
    assert find_differences_between(description, other) == ()


def test_what_one_campaign_did_not_record_is_told_and_forbids_nothing(description: Description) -> None:
    other = replace(description, environment=replace(description.environment, cpu=None))
    known = replace(other, source_hash="sha256:1")
    assert find_differences_between(description, known) == (
        Difference("host", "environment", "CPU", "A Processor", "not known"),
        Difference("software", "loader", "source", "not known", "sha256:1"),
    )


@pytest.mark.parametrize(
    ("section", "name", "facts", "expected"),
    [
        (
            "data",
            "ny",
            {"digest": "other"},
            Difference("configuration", "data ny", "digest", "geo:100:1;data:22200:2", "other", True, True),
        ),
        (
            "placements",
            "split",
            {"server_cpus": frozenset({1})},
            Difference("configuration", "placements local: split", "cores of the server", "1-2", "1", True),
        ),
        (
            "placements",
            "split",
            {"server_quota": 0.5},
            Difference("configuration", "placements local: split", "CPU limit of the server", "none", "0.5", True),
        ),
        (
            "postgres",
            "default",
            {"storage": "tmpfs"},
            Difference("configuration", "postgres local: default", "storage", "disk", "tmpfs", True, True),
        ),
        (
            "postgres",
            "default",
            {"settings": {"max_connections": "30", "fsync": "off"}},
            Difference("configuration", "postgres local: default", "setting fsync", "not set", "off", True, True),
        ),
        (
            "postgres",
            "default",
            {"settings": {"max_connections": "60"}},
            # It is made of the largest pool of all cells.
            Difference("configuration", "postgres local: default", "setting max_connections", "30", "60", False, True),
        ),
        (
            "postgres",
            "default",
            {"version": "17.12"},
            Difference("software", "postgres local: default", "version", "17.11", "17.12", False, True),
        ),
        (
            "interpreters",
            "3.13",
            {"version": "3.13.1"},
            Difference("software", "interpreters local: 3.13", "version", "3.13.0", "3.13.1", False, True),
        ),
        (
            "interpreters",
            "3.13",
            {"lock_hash": "sha256:2"},
            Difference("software", "interpreters local: 3.13", "lock", "sha256:1", "sha256:2", False, True),
        ),
        (
            "interpreters",
            "3.13",
            {"build": "of May"},
            Difference("software", "interpreters local: 3.13", "build", "of April", "of May"),
        ),
    ],
)
def test_parts_of_cells_in_common_are_told_by_name_work_and_cores_forbid_and_software_does_not(
    section: str, name: str, facts: Mapping[str, Any], expected: Difference, description: Description
) -> None:
    assert find_differences_between(description, changed(description, section, name, **facts)) == (expected,)


@pytest.mark.parametrize(
    ("section", "name", "facts", "expected"),
    [
        (
            "interpreters",
            "3.13",
            {"build": "python:3.13-slim@sha256:2; loader.Dockerfile 1a2b3c; linux/x86_64"},
            Difference(
                "software",
                "interpreters docker: 3.13",
                "base of the image",
                "python:3.13-slim@sha256:1; loader.Dockerfile 1a2b3c",
                "python:3.13-slim@sha256:2; loader.Dockerfile 1a2b3c",
                pin=True,
            ),
        ),
        (
            "interpreters",
            "3.13",
            {"build": "python:3.13-slim@sha256:1; loader.Dockerfile 1a2b3c; linux/aarch64"},
            Difference(
                "software", "interpreters docker: 3.13", "platform of the image", "linux/x86_64", "linux/aarch64"
            ),
        ),
        (
            "postgres",
            "default",
            {"image": "postgres:17@sha256:2"},
            Difference(
                "software",
                "postgres docker: default",
                "image",
                "postgres:17@sha256:1",
                "postgres:17@sha256:2",
                pin=True,
            ),
        ),
    ],
)
def test_images_are_pinned_by_what_they_are_made_of_and_not_by_the_ids_that_they_have_here(
    section: str, name: str, facts: Mapping[str, Any], expected: Difference, description: Description, threaded: Cell
) -> None:
    build = "python:3.13-slim@sha256:1; loader.Dockerfile 1a2b3c; linux/x86_64"
    inside = tuple(replace(shown, cell=replace(shown.cell, engine="docker")) for shown in description.cells)
    known = changed(replace(description, cells=inside), "interpreters", "3.13", image="sha256:id", build=build)
    known = changed(known, "postgres", "default", image="postgres:17@sha256:1", image_id="sha256:id")
    other = changed(known, section, name, **facts)
    other = changed(other, "interpreters", "3.13", image="sha256:other id")
    assert find_differences_between(known, changed(other, "postgres", "default", image_id="sha256:9")) == (expected,)


def test_the_build_of_a_server_is_a_pin_once_it_is_recorded(description: Description) -> None:
    known = changed(description, "postgres", "default", build="1a2b3c; initdb 4d5e6f")
    other = changed(description, "postgres", "default", build="7a8b9c; initdb 4d5e6f")
    found = Difference(
        "software", "postgres local: default", "build", "1a2b3c; initdb 4d5e6f", "7a8b9c; initdb 4d5e6f", pin=True
    )
    assert find_differences_between(known, other) == (found,)
    assert find_differences_between(description, other) == (replace(found, a="not known", pin=False),)


def test_the_harnesss_machine_is_told_and_no_reason_where_nothing_ran_on_it(
    description: Description, threaded: Cell
) -> None:
    def on(cpu: str, *engines: str, here: bool) -> Description:
        cells = tuple(ShownCell(name, "a", ("loaders",), replace(threaded, engine=name)) for name in engines)
        environment = replace(description.environment, cpu=cpu)
        return replace(description, cells=cells, environment=environment, engines={"docker": {"here": here}})

    def forbids(here: bool, *engines: str) -> list[bool]:
        found = find_differences_between(on("One", *engines, here=here), on("Another", *engines, here=here))
        assert [one.what for one in found] == ["CPU"]
        return [one.forbids for one in found]

    assert forbids(False, "docker") == [False]
    assert forbids(True, "docker") == [True]
    assert forbids(False, "docker", "local") == [True]


def test_parts_that_no_cell_in_common_uses_do_not_matter(description: Description) -> None:
    other = changed(description, "interpreters", "3.13", version="3.13.1")
    moved = [replace(shown, cell=replace(shown.cell, python="3.14")) for shown in description.cells]
    assert find_differences_between(description, replace(other, cells=tuple(moved))) == ()


def test_other_experiments_than_those_in_common_may_have_other_baselines(
    description: Description, threaded: Cell
) -> None:
    cells = [
        replace(shown, cell=replace(shown.cell, poolsize=1) if shown.arm == "b" else shown.cell)
        for shown in description.cells
    ]
    other = replace(description, cells=tuple(cells))
    (found,) = find_differences_between(description, other)
    assert found == Difference("configuration", "experiment loaders", "baseline", "poolsize 20", "poolsize 1", True)
    assert find_differences_between(description, other, pairs=[]) == ()


def test_source_commit_and_harness_are_software_and_only_the_source_is_a_pin(description: Description) -> None:
    packages = {"rich": "14", "scipy": "1.17"}
    here = replace(description.environment, commit="9", uncommitted_changes=True, harness_packages=packages)
    other = replace(description, environment=here, source_hash="sha256:2")
    assert find_differences_between(replace(description, source_hash="sha256:1"), other) == (
        Difference("software", "loader", "source", "sha256:1", "sha256:2", False, True),
        Difference("software", "checkout", "commit", "0123abc", "9 with uncommitted changes"),
        Difference("software", "harness", "rich", "13.9", "14"),
        Difference("software", "harness", "scipy", "none", "1.17"),
    )


def test_an_engines_machine_is_only_looked_at_where_it_is_another_one(description: Description, threaded: Cell) -> None:
    inside = replace(threaded, engine="docker")
    shown = ShownCell("sha256:1", "a", ("loaders",), inside)

    def in_docker(**facts: Any) -> Description:
        return replace(description, cells=(shown,), engines={"docker": facts})

    here = in_docker(here=True, cores=4, version="20.10")
    assert find_differences_between(here, in_docker(here=True, cores=8, version="20.10")) == ()
    assert find_differences_between(here, in_docker(here=False, cores=8, version="28")) == (
        Difference("host", "engine docker", "on the harness's machine", "True", "False", True),
        Difference("host", "engine docker", "cores", "4", "8", True),
        Difference("software", "engine docker", "version", "20.10", "28"),
    )


def test_ignored_axes_are_listed_and_what_stands_behind_them_forbids_nothing(description: Description) -> None:
    moved = tuple(
        replace(shown, cell=replace(shown.cell, python="3.14", resources="narrow")) for shown in description.cells
    )
    newer = replace(description.interpreters["3.13"], python="3.14", version="3.14.0")
    narrow = replace(description.placements["split"], server_cpus=frozenset({1}))
    other = replace(description, cells=moved, interpreters={"3.14": newer}, placements={"narrow": narrow})
    assert find_differences_between(description, other) == ()
    ignored = ("python", "resources")
    found = find_differences_between(description, other, pair_cells(description, other, ignored), ignored)
    named = "interpreters local: 3.13 and local: 3.14"
    assert found == (
        Difference("configuration", "ignored axis", "python", "3.13", "3.14"),
        Difference("configuration", "ignored axis", "resources", "split", "narrow"),
        Difference("configuration", "placements local: split and local: narrow", "cores of the server", "1-2", "1"),
        Difference("software", named, "version", "3.13.0", "3.14.0", pin=True),
    )


def test_what_no_ignored_axis_names_still_forbids(description: Description) -> None:
    moved = tuple(replace(shown, cell=replace(shown.cell, engine="docker")) for shown in description.cells)
    wider = replace(description.placements["split"], server_cpus=frozenset({1}))
    other = replace(description, cells=moved, placements={"docker: split": wider})
    found = find_differences_between(description, other, pair_cells(description, other, ("engine",)), ("engine",))
    assert [(one.where, one.forbids) for one in found] == [
        ("ignored axis", False),
        ("placements local: split and docker: split", True),
    ]
