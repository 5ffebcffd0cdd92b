from __future__ import annotations

import pytest

from experiments.matrix.settings import check_settings, refusal_of, setting_name


@pytest.mark.parametrize(
    "name",
    [
        *("hba_file", "hba-file", "HBA_FILE", "ident_file", "config_file", "external_pid_file", "ssl_key_file"),
        *("archive_command", "restore_command", "archive_library", "ssl_passphrase_command"),
        *("shared_preload_libraries", "session_preload_libraries", "jit_provider", "dynamic_library_path"),
        *("listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "primary_conninfo"),
        *("data_directory", "log_directory", "log_filename", "include_if_exists", "track_counts", "track-counts"),
    ],
)
def test_a_setting_that_reaches_beyond_the_experiment_is_refused(name: str) -> None:
    assert refusal_of(name) is not None


@pytest.mark.parametrize(
    "name",
    ["fsync", "synchronous_commit", "shared_buffers", "max_wal_size", "archive_mode", "search_path", "work_mem", "ssl"],
)
def test_a_setting_that_only_changes_the_server_is_allowed(name: str) -> None:
    assert refusal_of(name) is None


def test_each_refused_setting_is_found_in_its_place() -> None:
    postgres = {"a": {"settings": {"fsync": "off", "Archive-Command": "id"}}, "b": {"version": "17"}, "c": None}
    (finding,) = check_settings(postgres)
    assert finding.path == ("postgres", "a", "settings", "Archive-Command")
    assert finding.text == "commands, files, libraries and addresses reach beyond the experiment; remove it"


@pytest.mark.parametrize("postgres", [None, [], "x", {"a": {"settings": [1]}}])
def test_what_is_no_mapping_of_settings_has_none(postgres: object) -> None:
    assert list(check_settings(postgres)) == []


def test_names_are_as_postgresql_reads_them() -> None:
    assert setting_name("Track-Counts") == "track_counts"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"shared_bufers": "1GB"}, "is not a setting of PostgreSQL 17 (did you mean shared_buffers?)"),
        ({"io_method": "sync"}, "is not a setting of PostgreSQL 17"),
        ({"fsync": "maybe"}, "'maybe' is neither on nor off"),
        ({"work-mem": "banana"}, "'banana' is no number with a unit (B, kB, MB, GB, TB)"),
        ({"max_connections": 300000}, "'300000' is not from 1 to 262143"),
        (
            {"krb_server_keyfile": "x"},
            "commands, files, libraries and addresses reach beyond the experiment; remove it",
        ),
    ],
)
def test_a_setting_that_the_version_does_not_take_is_found_in_its_place(settings: dict[str, object], text: str) -> None:
    (finding,) = check_settings({"a": {"version": 17, "settings": settings}})
    assert finding.path == ("postgres", "a", "settings", *settings)
    assert finding.text == text


def test_settings_of_extensions_and_of_unlisted_versions_are_left_to_the_server() -> None:
    settings = {"auto_explain.log_min_duration": "1s", "fsync": True, "timezone": "UTC", "seq_page_cost": 0.5}
    assert list(check_settings({"a": {"version": "17", "settings": settings}})) == []
    assert list(check_settings({"a": {"version": "99", "settings": {"nonsense": "1"}}})) == []
