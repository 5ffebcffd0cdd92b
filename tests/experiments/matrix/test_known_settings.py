"""What the list of PostgreSQL's settings says about a value."""

from __future__ import annotations

import pytest

from experiments.matrix.known_settings import find_similar, settings_of


@pytest.mark.parametrize("major", ["14", "15", "16", "17", "18"])
def test_every_locked_version_has_its_settings(major: str) -> None:
    known = settings_of(major)
    assert len(known) > 300
    assert {"shared_buffers", "synchronous_commit", "timezone", "max_connections"} <= set(known)
    # What no configuration can set is not there.
    assert "block_size" not in known


def test_a_version_without_a_list_has_none() -> None:
    assert settings_of("9") == {}


def test_versions_differ() -> None:
    assert "io_method" in settings_of("18")
    assert "io_method" not in settings_of("17")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fsync", "off"), ("fsync", "FALSE"), ("fsync", "y"), ("fsync", "1"),
        ("synchronous_commit", "remote_apply"), ("synchronous_commit", "Off"), ("synchronous_commit", "true"),
        ("wal_compression", "zstd"), ("log_min_messages", "debug"), ("ssl_max_protocol_version", ""),
        ("shared_buffers", "128MB"), ("shared_buffers", "16384"), ("shared_buffers", " 1 GB "),
        ("shared_buffers", "0x4000"), ("work_mem", "64kB"), ("work_mem", "0.5GB"), ("max_wal_size", "1TB"),
        ("checkpoint_timeout", "5min"), ("checkpoint_timeout", "1h"), ("deadlock_timeout", "1500us"),
        ("checkpoint_completion_target", ".9"), ("seq_page_cost", "1e1"), ("idle_in_transaction_session_timeout", "0"),
        ("log_min_duration_statement", "-1"), ("search_path", "any, thing"),
    ],
)  # fmt: skip
def test_a_value_that_postgresql_takes_has_no_problem(name: str, text: str) -> None:
    assert settings_of("17")[name].problem_of(text) is None


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("fsync", "maybe", "is neither on nor off"),
        ("fsync", "o", "is neither on nor off"),
        ("synchronous_commit", "offf", "is none of its values: local, remote_write, remote_apply, on, off"),
        ("shared_buffers", "128", None),
        ("shared_buffers", "1", "is not from 16 to 1073741823, in units of 8kB"),
        ("shared_buffers", "128XB", "is no number with a unit (B, kB, MB, GB, TB)"),
        ("shared_buffers", "128mb", "is no number with a unit (B, kB, MB, GB, TB)"),
        ("shared_buffers", "5min", "is no number with a unit (B, kB, MB, GB, TB)"),
        ("checkpoint_timeout", "2d", "is not from 30 to 86400, in units of s"),
        ("checkpoint_timeout", "5MB", "is no number with a unit (us, ms, s, min, h, d)"),
        ("max_connections", "many", "is no number"),
        ("max_connections", "10MB", "is no number"),
        ("max_connections", "1e300", "is not from 1 to 262143"),
        ("max_connections", "300000", "is not from 1 to 262143"),
        ("checkpoint_completion_target", "1.5", "is not from 0 to 1"),
    ],
)
def test_a_value_that_postgresql_refuses_is_explained(name: str, text: str, problem: str | None) -> None:
    assert settings_of("17")[name].problem_of(text) == problem


def test_a_slip_of_the_pen_is_recognized() -> None:
    assert find_similar("shared_bufers", settings_of("17")) == " (did you mean shared_buffers?)"
    assert find_similar("xyz", settings_of("17")) == ""
