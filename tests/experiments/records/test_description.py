from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from experiments.errors import BadInput
from experiments.records.description import Description, as_written, from_json, to_json
from experiments.records.facts import DataFacts, InterpreterFacts, Placement, ServerFacts

WRITTEN: dict[str, Any] = {
    "placements": {
        "local: split": {"loader_cpus": [0], "server_cpus": [1, 2], "loader_quota": None, "note": None},
        "docker: pod": {
            "loader_cpus": [0],
            "server_cpus": [1],
            "loader_quota": 0.25,
            "loader_memory_bytes": 2**26,
            "note": "as asked",
        },
    },
    "data": {"ny": {"digest": "geo:1:1;data:222:2", "geo_records": 1, "data_records": 1, "rows": 222}},
    "interpreters": {
        "local: 3.13": {
            "python": "3.13",
            "version": "3.13.0",
            "implementation": "CPython",
            "optimized_build": True,
            "build": "of April",
            "lock_hash": "sha256:1",
            "left_out": {"aiopg": "no wheel"},
            "image": None,
            "free_threaded": False,
            "packages": {},
        }
    },
    "postgres": {
        "local: default": {
            "version": "17.11",
            "settings": {"max_connections": "30"},
            "storage": "disk",
            "image": None,
            "image_id": None,
            "build": "postgres 1a2b3c",
            "host": None,
        }
    },
}


def typed(description: Description) -> Description:
    pod = Placement(frozenset({0}), frozenset({1}), 0.25, "as asked", loader_memory_bytes=2**26)
    python = InterpreterFacts("3.13", "3.13.0", "CPython", True, "of April", "sha256:1", {"aiopg": "no wheel"})
    return replace(
        description,
        placements={"local: split": Placement(frozenset({0}), frozenset({2, 1})), "docker: pod": pod},
        data={"ny": DataFacts("geo:1:1;data:222:2", 1, 1, 222)},
        interpreters={"local: 3.13": python},
        postgres={"local: default": ServerFacts("17.11", {"max_connections": "30"}, "disk", build="postgres 1a2b3c")},
    )


def test_parts_are_written_as_ever_and_read_again(description: Description) -> None:
    text = to_json(typed(description))
    values = json.loads(text)
    # The order, too: files of campaigns are compared as text.
    assert json.dumps({name: values[name] for name in WRITTEN}) == json.dumps(WRITTEN)
    machine = "cpu machine cores cores_allowed memory_bytes system kernel virtualisation file_system commit"
    machine += " uncommitted_changes harness_python harness_packages platform"
    assert " ".join(values["environment"]) == machine
    assert from_json(text, "campaign.json") == as_written(typed(description))
    assert as_written(typed(description)).placements == typed(description).placements


def test_fields_of_newer_campaigns_are_passed_over_and_older_ones_lack_some(description: Description) -> None:
    values = json.loads(to_json(typed(description)))
    for name in WRITTEN:
        for facts in values[name].values():
            facts["of_tomorrow"] = 1
    for name, later in (
        ("interpreters", ("image", "free_threaded", "left_out", "packages")),
        ("postgres", ("image", "build")),
    ):
        for facts in values[name].values():
            for key in later:
                del facts[key]
    read = from_json(json.dumps(values), "campaign.json")
    assert (read.data, read.placements) == (typed(description).data, typed(description).placements)
    assert read.interpreters["local: 3.13"].left_out == {}
    assert read.postgres["local: default"].build is None


@pytest.mark.parametrize("name", ["/tmp/victim", "../victim", ".victim", "-victim", "a/b", "", "a\n", "a" * 300])
@pytest.mark.parametrize("key", ["campaign", "reproduces", "experiment"])
def test_what_is_to_name_a_file_has_no_folder_in_it(key: str, name: str, description: Description) -> None:
    values = json.loads(to_json(description))
    if key == "experiment":
        values["experiments"][0]["name"] = name
    else:
        values[key] = name
    place = "experiments.0.name" if key == "experiment" else key
    with pytest.raises(BadInput, match=rf"^campaign.json:\d+: not valid by schema 1: {place}: found .*pattern"):
        from_json(json.dumps(values, indent=1), "campaign.json")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("seed", "x", "seed: found 'x', input should be a valid integer"),
        ("repeats", 10**9, "repeats: found 1000000000, input should be less"),
        ("repeats", 600_000, "expected at most 2,000,000 runs"),
        ("experiments", [], "experiments: tuple should have at least 1 item"),
        ("matrix.experiments", 3, "matrix.experiments: found 3, input should be"),
        (
            "matrix.experiments.loaders.matrix.loop",
            5,
            "matrix.experiments.loaders.matrix.loop: found 5",
        ),
        ("matrix.postgres.default.settings", [], "matrix.postgres.default.settings: input should be an object"),
        ("placements.split.loader_cpus", [-1], "placements.split.loader_cpus.0: found -1, input should be greater"),
        ("placements.split.server_cpus", [], "placements.split.server_cpus: frozenset should have at least 1 item"),
        ("placements.split.loader_quota", 0, "placements.split.loader_quota: found 0, input should be greater"),
        ("environment.cores_allowed", "all", "environment.cores_allowed: found 'all', input should be"),
        ("engines", {"local": []}, "engines.local: input should be an object"),
        ("until", {}, "until.precision: field required"),
        ("selection", 3, "selection: found 3, input should be"),
    ],
)
def test_each_part_is_held_to_its_type_with_the_line(
    path: str, value: object, message: str, description: Description
) -> None:
    values = json.loads(to_json(description))
    *outer, last = path.split(".")
    inner = values
    for name in outer:
        inner = inner[name]
    inner[last] = value
    text = json.dumps(values, indent=1)
    with pytest.raises(BadInput, match=rf"^campaign.json:\d+: not valid by schema 1: {message}") as raised:
        from_json(text, "campaign.json")
    line = int(str(raised.value).split(":")[1])
    assert (
        f'"{last}"' in text.splitlines()[line - 1]
        or path in ("placements.split.loader_cpus", "engines", "until")
        or "runs" in message
    )
