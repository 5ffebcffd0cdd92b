"""py-spy's stacks: cut to the load, added up, sorted by whose code they are."""

from __future__ import annotations

import json

import pytest

from experiments.profiling.stacks import (
    DRIVER,
    HOT,
    LOOP,
    OTHER,
    Frame,
    Share,
    cut_to_hot_loops,
    find_kinds,
    find_shares,
    read_speedscope,
    shorten_file,
    write_speedscope,
)

START = Frame("<module>", "bigdata/cmd.py", 80)
CALL = Frame("Job.call", "bigdata/runtimes/job.py", 107)
LOAD = Frame("load_data", "bigdata/loaders/aiopg.py", 50)
EXECUTE = Frame("Cursor.execute", "aiopg/connection.py", 421)
SELECT = Frame("EpollSelector.select", "selectors.py", 452)

STACKS = {(CALL, LOAD, EXECUTE): 6, (CALL, LOAD): 1, (CALL, SELECT): 2, (CALL,): 1}


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/home/me/.cache/venvs/py3.13-c/lib/python3.13/site-packages/aiopg/connection.py", "aiopg/connection.py"),
        ("/usr/lib/python3/dist-packages/psycopg2/__init__.py", "psycopg2/__init__.py"),
        ("/root/.pyenv/versions/3.13.0/lib/python3.13/asyncio/events.py", "asyncio/events.py"),
        ("/opt/py/lib/python3.14t/selectors.py", "selectors.py"),
        ("/home/me/project/bigdata/loaders/aiopg.py", "bigdata/loaders/aiopg.py"),
        ("<frozen runpy>", "<frozen runpy>"),
        ("/somewhere/else.py", "else.py"),
    ],
)
def test_a_file_is_named_as_an_import_names_it(path: str, short: str) -> None:
    assert shorten_file(path) == short


def test_threads_are_added_up() -> None:
    frames = [{"name": "f", "file": "/x/lib/python3.13/a.py", "line": 1}, {"name": "g", "file": None}]
    profiles = [{"samples": [[0], [0, 1]]}, {"samples": [[0]]}]
    text = json.dumps({"shared": {"frames": frames}, "profiles": profiles})
    f, g = Frame("f", "a.py", 1), Frame("g", "", 0)
    assert read_speedscope(text) == {(f,): 2, (f, g): 1}


def test_what_is_written_has_the_same_stacks_each_with_its_number_of_samples() -> None:
    text = write_speedscope(STACKS, "a cell")
    profile = json.loads(text)["profiles"][0]
    assert dict.fromkeys(STACKS, 1) == read_speedscope(text)
    assert profile["weights"] == [6, 1, 2, 1]
    assert profile["endValue"] == 10


def test_only_the_load_stays_and_what_is_above_it_goes() -> None:
    reading = (CALL, Frame("Feed.fill", "bigdata/runtimes/feed.py", 48))
    geo = (START, CALL, Frame("load_geo", "bigdata/loaders/aiopg.py", 33))
    assert cut_to_hot_loops({(START, CALL, LOAD): 3, (START,): 4, reading: 5, geo: 6}) == {(CALL, LOAD): 3}


def test_greenlets_have_stacks_of_their_own_and_imports_of_gevent_are_none() -> None:
    hub, worker = Frame("Hub.run", "gevent/hub.py", 647), Frame("work", "bigdata/runtimes/greenlets.py", 70)
    stacks = {(hub,): 2, (worker, LOAD): 3, (START, Frame("<module>", "gevent/_config.py", 44)): 4}
    assert cut_to_hot_loops(stacks) == {(hub,): 2, (LOAD,): 3}


def test_the_command_line_that_py_spy_puts_above_a_process_is_left_out() -> None:
    frames = [{"name": 'process 7:"python -m bigdata.cmd --directory /home/me"'}, {"name": "f", "file": "a.py"}]
    text = json.dumps({"shared": {"frames": frames}, "profiles": [{"samples": [[0, 1]]}]})
    assert read_speedscope(text) == {(Frame("f", "a.py", 0),): 1}


def test_a_function_has_its_own_share_and_that_with_all_that_it_called() -> None:
    assert find_shares(STACKS) == [
        Share("Cursor.execute", "aiopg/connection.py", 421, 0.6, 0.6),
        Share("EpollSelector.select", "selectors.py", 452, 0.2, 0.2),
        Share("Job.call", "bigdata/runtimes/job.py", 107, 0.1, 1.0),
        Share("load_data", "bigdata/loaders/aiopg.py", 50, 0.1, 0.7),
    ]


def test_a_function_that_calls_itself_counts_once_for_a_sample() -> None:
    assert find_shares({(LOAD, LOAD): 4})[0].total == 1.0


def test_the_line_is_the_one_that_most_samples_were_at() -> None:
    elsewhere = Frame("load_data", "bigdata/loaders/aiopg.py", 7)
    assert find_shares({(LOAD,): 3, (elsewhere,): 4})[0].line == 7


def test_samples_are_parted_by_whose_code_they_are() -> None:
    assert find_kinds(STACKS, ("aiopg", "psycopg2"), has_loop=True) == {HOT: 0.1, DRIVER: 0.6, LOOP: 0.3}
    assert find_kinds(STACKS, ("aiopg",), has_loop=False)[OTHER] == 0.1
