"""Access to a PostgreSQL from another host: one published address, TLS, and a pg_hba.conf for one client."""

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.engines.docker.volumes import Account, Member
from experiments.engines.postgres import HOST, USER

ROOT_FOLDER = "/tls"
"""Where loaders have the certificate that signed the server's."""
ROOT_FILE = "root.crt"

_CERTIFICATE, _KEY, _RULES = "server.crt", "server.key", "pg_hba.conf"


@dataclass(frozen=True)
class Certificate:
    """A server's certificate and key, and the root that signed it, all in PEM. The root's key is nowhere."""

    root: bytes
    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Access:
    """How loaders at the address ``client`` reach a server that is published at ``address`` alone."""

    address: str
    client: str
    password: str
    tls: Certificate

    def members(self, postgres: Account) -> list[Member]:
        """Return the files that the server needs, which only its account can read."""
        files = {_CERTIFICATE: self.tls.certificate, _KEY: self.tls.key, _RULES: self.rules().encode()}
        return [Member(name, content, postgres, 0o400) for name, content in files.items()]

    def rules(self) -> str:
        """Return its pg_hba.conf: TLS from the loaders' host, and what comes from inside of its own container."""
        local = f"host all {USER} {HOST}/32 scram-sha-256"
        return f"hostssl all {USER} {self.client}/32 scram-sha-256\n{local}\n"

    def settings(self, folder: str) -> Mapping[str, str]:
        """Return its settings, with the files in ``folder``. The container's addresses are known to its host alone."""
        return {
            "listen_addresses": "*",
            "ssl": "on",
            "ssl_cert_file": f"{folder}/{_CERTIFICATE}",
            "ssl_key_file": f"{folder}/{_KEY}",
            "hba_file": f"{folder}/{_RULES}",
        }

    def url(self, database: str, port: int) -> str:
        """Return the address of a database for loaders, without the password."""
        checked = f"sslmode=verify-full&sslrootcert={ROOT_FOLDER}/{ROOT_FILE}"
        return f"postgresql://{USER}@{self.address}:{port}/{database}?{checked}"
