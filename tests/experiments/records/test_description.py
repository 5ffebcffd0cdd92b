from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

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
    for name, later in (("interpreters", ("image", "free_threaded", "left_out")), ("postgres", ("image", "build"))):
        for facts in values[name].values():
            for key in later:
                del facts[key]
    read = from_json(json.dumps(values), "campaign.json")
    assert (read.data, read.placements) == (typed(description).data, typed(description).placements)
    assert read.interpreters["local: 3.13"].left_out == {}
    assert read.postgres["local: default"].build is None
