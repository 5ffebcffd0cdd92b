from __future__ import annotations

import pytest

from experiments.engines.settings import harness_settings, merged_settings
from experiments.errors import BadInput
from experiments.records.facts import ServerFacts


def test_the_configuration_wins_over_the_harness() -> None:
    merged = merged_settings({"Autovacuum": "on", "fsync": "off"}, max_connections=30, name="x")
    assert merged == {**harness_settings(30), "autovacuum": "on", "fsync": "off"}


def test_what_decides_the_cost_of_a_commit_is_left_to_the_configuration() -> None:
    assert not {"fsync", "synchronous_commit", "full_page_writes", "wal_level"} & harness_settings(30).keys()


def test_an_address_is_the_harnesss_business() -> None:
    with pytest.raises(BadInput) as refusal:
        merged_settings({"PORT": "1", "listen_addresses": "*"}, max_connections=30, name="x")
    assert str(refusal.value) == "postgres.x.settings.PORT: the harness itself sets it: take it out"


def test_what_equal_work_is_proven_by_cannot_be_switched_off() -> None:
    with pytest.raises(BadInput) as refusal:
        merged_settings({"Track_Counts": "off"}, max_connections=30, name="x")
    reason = "what the server counts is the proof of equal work: take it out"
    assert str(refusal.value) == f"postgres.x.settings.Track_Counts: {reason}"


def test_a_server_has_autovacuum_only_where_the_configuration_says_so() -> None:
    def merged(**settings: str) -> bool:
        settings = merged_settings(settings, max_connections=30, name="x")
        return ServerFacts("17.11", settings, "disk").has_autovacuum

    assert [merged(), merged(autovacuum="OFF"), merged(Autovacuum="on")] == [False, False, True]
