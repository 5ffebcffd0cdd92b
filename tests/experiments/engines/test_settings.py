from __future__ import annotations

from experiments.engines.settings import harness_settings, merged_settings
from experiments.records.facts import ServerFacts


def test_the_configuration_wins_over_the_harness() -> None:
    merged = merged_settings({"Autovacuum": "on", "fsync": "off"}, max_connections=30)
    assert merged == {**harness_settings(30), "autovacuum": "on", "fsync": "off"}


def test_what_decides_the_cost_of_a_commit_is_left_to_the_configuration() -> None:
    assert not {"fsync", "synchronous_commit", "full_page_writes", "wal_level"} & harness_settings(30).keys()


def test_a_server_has_autovacuum_only_where_the_configuration_says_so() -> None:
    def merged(**settings: str) -> bool:
        settings = merged_settings(settings, max_connections=30)
        return ServerFacts("17.11", settings, "disk").has_autovacuum

    assert [merged(), merged(autovacuum="OFF"), merged(Autovacuum="on")] == [False, False, True]
