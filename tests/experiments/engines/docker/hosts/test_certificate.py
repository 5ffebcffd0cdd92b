from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from experiments.engines.docker.hosts.certificate import make_certificate

ADDRESS = "10.0.0.2"


def shake_hands(folder: Path, name: str, trusted: bytes | None = None) -> str | None:
    """Connect in memory to a server with a new certificate; return the version of TLS."""
    made = make_certificate(ADDRESS)
    (folder / "server.pem").write_bytes(made.certificate + made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    strict = ssl.create_default_context(cadata=(trusted or made.root).decode())
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = strict.wrap_bio(to_client, to_server, server_hostname=name)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version()


def test_a_strict_client_trusts_the_server_at_its_address(tmp_path: Path) -> None:
    assert shake_hands(tmp_path, ADDRESS) == "TLSv1.3"


@pytest.mark.parametrize("name", ["10.0.0.3", "db.example"])
def test_nobody_trusts_it_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path, name)


def test_the_root_of_another_campaign_does_not_vouch_for_it(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path, ADDRESS, make_certificate(ADDRESS).root)
