from __future__ import annotations

from experiments.engines.settings import RefusedSettings, refused
from experiments.errors import Failure

WORDS = 'unrecognized configuration parameter "Work_mem"'


def test_the_refusal_points_to_the_setting_that_the_server_names() -> None:
    refusal = refused("small", "17.11", {"fsync": "off", "work_mem": "5 apples"}, WORDS)
    assert isinstance(refusal, RefusedSettings)
    assert refusal.path == ("postgres", "small", "settings", "work_mem")
    assert refusal.text == f"PostgreSQL 17.11 does not start with work_mem=5 apples: {WORDS}"


def test_where_the_server_names_none_of_them_all_are_suspects() -> None:
    refusal = refused("small", "17.11", {"fsync": "off", "work_mem": "1GB"}, "no space left")
    assert str(refusal) == (
        "postgres.small.settings: PostgreSQL 17.11 does not start with fsync=off, work_mem=1GB: no space left"
    )


def test_without_settings_of_its_own_none_can_be_the_reason() -> None:
    problem = refused("default", "17.11", {}, "no space left")
    assert isinstance(problem, Failure)
    assert str(problem) == "PostgreSQL 17.11 did not start: no space left"
