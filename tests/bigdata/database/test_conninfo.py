"""Connection parameters are those that libpq reads, and no message shows what may be part of a password."""

from __future__ import annotations

import psycopg
import pytest
from psycopg2.extensions import parse_dsn

from bigdata.database.conninfo import VARIABLES, effective_parameters, hosts_of, parse_url
from bigdata.database.dburl import check_url
from bigdata.errors import BadInput

URLS = [
    "postgresql://",
    "postgresql:///db",
    "postgresql://host",
    "postgresql://host:5/db",
    "postgres://user@host/db",
    "postgresql://user:pass@host/db",
    "postgresql://user:@host/db",
    "postgresql://:pass@host/db",
    "postgresql://user:pa:ss@host/db",
    "postgresql://one:1,two:2/db",
    "postgresql://one,two:2/db",
    "postgresql://one:1,two/db",
    "postgresql://[::1]:5/db",
    "postgresql://[::1],host:3/db",
    "postgresql://user:p%40%2F@host/db?dbname=other&host=third",
    "postgresql://host/db?ssl=true",
    "postgresql://%2Ftmp/db",
    "postgresql://host?port=7",
    "postgresql://host:/db",
    "postgresql://host/db?options=-c%20x%3Dy",
    "postgresql://host/db?user=",
    "postgresql://host/d:b",
    "postgresql://host/d/b",
    "postgresql://host/db?port=7&port=8",
    "postgresql://host/?dbname=emptyone",
    "postgresql://host/db?user=x&",
    "postgresql://host/db#part",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_has_the_parameters_that_libpq_reads(url: str) -> None:
    assert parse_url(url) == parse_dsn(url)


def test_every_variable_of_libpq_is_known() -> None:
    read = {option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar}
    assert read - set(VARIABLES) == set()


def test_the_url_comes_before_the_environment() -> None:
    environment = {"PGOPTIONS": "-c jit=off", "PGPORT": "1", "PGUSER": ""}
    assert effective_parameters("postgresql://host:2", environment) == {
        "host": "host",
        "port": "2",
        "options": "-c jit=off",
    }


def test_each_host_has_its_own_port_or_the_only_one() -> None:
    assert hosts_of({"host": "a,b", "port": "1,2"}) == [{"host": "a", "port": "1"}, {"host": "b", "port": "2"}]
    assert hosts_of({"host": "a,b", "port": "3"}) == [{"host": "a", "port": "3"}, {"host": "b", "port": "3"}]
    assert hosts_of({}) == [{}]
    with pytest.raises(BadInput, match="found 2 of port for 3 hosts"):
        hosts_of({"host": "a,b,c", "port": "1,2"})


@pytest.mark.parametrize("character", ["@", "#", "?", "/", "[", "]", " "])
@pytest.mark.parametrize("place", ["127.0.0.1:5432/db", "127.0.0.1"])
def test_a_character_that_must_be_encoded_is_named_and_no_part_of_the_password_shown(
    character: str, place: str
) -> None:
    with pytest.raises(BadInput) as refused:
        check_url(f"postgresql://somebody:hunter2{character}Secret99@{place}")
    message = str(refused.value)
    assert f"write {character!r} as %{ord(character):02X}" in message
    assert not any(word in message for word in ("somebody", "hunter2", "Secret99"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://somebody:hunter2",
        "postgresql://somebody:hunter2/db",
        "postgresql://somebody:hunter2%@host/db",
        "postgresql://somebody:hunter2%zz@host/db",
        "postgresql://somebody:hunter2%00@host/db",
        "postgresql://[hunter2/db",
        "postgresql://host/db?password=hunter2=x",
        "hunter2://x@y",
        "x:hunter2@y://",
    ],
)
def test_no_refusal_shows_a_password(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_url(url)
    assert "hunter2" not in str(refused.value).replace("found hunter2://...", "")
