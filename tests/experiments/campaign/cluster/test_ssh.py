from __future__ import annotations

from pathlib import Path

import pytest

from experiments.campaign.cluster.ssh import Host, read_hosts
from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput

EXPECTED = r"expected a line 'here ADDRESS' for this machine, then a line 'NAME ADDRESS \[FOLDER\]' for each host"


def test_a_file_names_this_machine_and_the_hosts(tmp_path: Path) -> None:
    file = tmp_path / "hosts.txt"
    file.write_text("# a rack\nhere 10.0.0.1\n\nbox1 10.0.0.11\nme@box2 10.0.0.12 /srv/matrix # the second\n")
    hosts = [Host("box1", "10.0.0.11", str(PROJECT)), Host("me@box2", "10.0.0.12", "/srv/matrix")]
    assert read_hosts(file) == ("10.0.0.1", hosts)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("here 10.0.0.1\nbox1\n", r"hosts\.txt:2: 'box1' is no host"),
        ("-oProxyCommand=x 10.0.0.1\n", r"hosts\.txt:1: '-oProxyCommand=x 10\.0\.0\.1' is no host"),
        ("box1 10.0.0.11\n", r"hosts\.txt: no address of this machine"),
        ("here 10.0.0.1\n", r"hosts\.txt: no host"),
    ],
)
def test_a_file_that_names_too_little_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "hosts.txt"
    file.write_text(text)
    with pytest.raises(BadInput, match=f"{problem}; {EXPECTED}"):
        read_hosts(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_hosts(tmp_path / "none.txt")
