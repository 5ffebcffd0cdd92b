from __future__ import annotations

from pathlib import Path

import pytest

from experiments.errors import BadInput
from experiments.matrix.network import Host, Network
from experiments.matrix.spec import load_matrix
from tests.project import ROOT

SHIPPED = (ROOT / "matrix.yaml").read_text()
HOSTS = "  two_hosts: {loader: here, server: db}"


def refusal(tmp_path: Path, network: str, hosts: str = "") -> str:
    """What is said of the shipped matrix with this entry instead of its two hosts, without place and line."""
    file = tmp_path / "matrix.yaml"
    assert SHIPPED.count(HOSTS) == 1
    text = SHIPPED.replace(HOSTS, network)
    file.write_text(text.replace("  here: {}", f"  here: {hosts}") if hosts else text)
    with pytest.raises(BadInput) as refused:
        load_matrix(file)
    (line,) = str(refused.value).splitlines()
    return line.split(": ", 1)[1]


def test_a_network_between_two_hosts_names_both() -> None:
    assert Network(loader="here", server="db").hosts == ("here", "db")
    assert Network(rtt="2ms").hosts is None
    assert (Network(rtt="2ms", jitter="1ms").rtt_s, Network(rtt="2ms", jitter="1ms").jitter_s) == (0.002, 0.001)
    assert Host() == Host(context=None, address=None)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (
            "  two_hosts: {loader: here, server: bd}",
            "network.two_hosts.server: unknown host 'bd' (known: here, db)",
        ),
        (
            "  two_hosts: {loader: here}",
            "network.two_hosts: this entry needs two different hosts, or none: write both loader and server",
        ),
        (
            "  two_hosts: {loader: db, server: db}",
            "network.two_hosts: this entry needs two different hosts, or none: write both loader and server",
        ),
        (
            "  two_hosts: {loader: here, server: db, rtt: 2ms}",
            "network.two_hosts: this entry has the round trip time of its hosts: take out rtt",
        ),
        (
            "  two_hosts: {rtt: 1ms, jitter: 2ms}",
            "network.two_hosts: this entry has a jitter of 2ms, more than its rtt: write at most 1ms",
        ),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(network: str, said: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, network) == said


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "db.example", "10.0.0", "::1"])
def test_only_the_address_of_one_host_is_one(address: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, HOSTS, f'{{address: "{address}"}}')
    assert said == (
        f"hosts.here.address: '{address}' is not the IPv4 address of a host: write one in quotes, such as \"10.0.0.2\""
    )
