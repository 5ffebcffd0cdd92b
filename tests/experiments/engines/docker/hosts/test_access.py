from __future__ import annotations

from experiments.engines.docker.hosts.access import Access, Certificate
from experiments.engines.docker.volumes import Account, Member

ACCESS = Access("10.0.0.2", "10.0.0.1", "secret", Certificate(b"root", b"certificate", b"key"))


def test_the_server_takes_tls_from_the_host_of_loaders_alone_and_asks_for_the_password_inside_too() -> None:
    assert ACCESS.rules().splitlines() == [
        "hostssl all bigdata 10.0.0.1/32 scram-sha-256",
        "host all bigdata 127.0.0.1/32 scram-sha-256",
    ]


def test_the_files_are_the_servers_own_and_its_settings_name_them() -> None:
    postgres = Account(999, 998)
    members = {member.name: member for member in ACCESS.members(postgres)}
    assert members["server.key"] == Member("server.key", b"key", postgres, 0o400)
    assert {member.mode for member in members.values()} == {0o400}
    settings = dict(ACCESS.settings("/secrets"))
    assert settings.pop("listen_addresses") == "*"
    assert settings.pop("ssl") == "on"
    assert {path.removeprefix("/secrets/") for path in settings.values()} == members.keys()


def test_loaders_check_the_certificate_and_the_address_has_no_password() -> None:
    assert ACCESS.url("bigdata", 49153) == (
        "postgresql://bigdata@10.0.0.2:49153/bigdata?sslmode=verify-full&sslrootcert=/tls/root.crt"
    )
