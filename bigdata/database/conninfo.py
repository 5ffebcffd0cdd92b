"""Connection parameters by libpq's rules, for drivers that bring rules of their own.

Written without libpq, because the measuring process holds no driver but its own. Tests compare it with libpq's parser.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Mapping, Sequence

from bigdata.errors import BadInput

CONNECT_TIMEOUT_S = int(os.environ.get("BIGDATA_CONNECT_TIMEOUT_S") or 10)
"""How long to wait for a server that does not answer. Below valgrind all takes fifty times as long."""

VARIABLES = {
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGREQUIREAUTH": "require_auth",
    "PGCHANNELBINDING": "channel_binding",
    "PGSERVICE": "service",
    "PGOPTIONS": "options",
    "PGAPPNAME": "application_name",
    "PGSSLMODE": "sslmode",
    "PGREQUIRESSL": "requiressl",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCERTMODE": "sslcertmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
    "PGSSLSNI": "sslsni",
    "PGSSLCOMPRESSION": "sslcompression",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGMINPROTOCOLVERSION": "min_protocol_version",
    "PGMAXPROTOCOLVERSION": "max_protocol_version",
    "PGREQUIREPEER": "requirepeer",
    "PGGSSENCMODE": "gssencmode",
    "PGKRBSRVNAME": "krbsrvname",
    "PGGSSLIB": "gsslib",
    "PGGSSDELEGATION": "gssdelegation",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGCLIENTENCODING": "client_encoding",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
    # Not parameters: libpq sends them as settings of the session.
    "PGDATESTYLE": "datestyle",
    "PGTZ": "timezone",
    "PGGEQO": "geqo",
}
"""Parameter or setting of each environment variable that libpq reads."""

_TO_ENCODE = re.compile(r"[@/?#\[\]\s]")

_NO_CREDENTIALS = "; user name and password, if there are any, end in '@'"

Parameters = Dict[str, str]


def parse_url(url: str) -> Parameters:
    """Return the parameters in a URL, as libpq reads it. Raises BadInput if it cannot, without words of the URL."""
    rest = url.partition("://")[2]
    _check_encoding(rest)
    credentials, _, place = rest.rpartition("@")
    user, _, password = credentials.partition(":")
    hosts, query = _split(place, "?")
    hosts, database = _split(hosts, "/")
    names, ports = _hosts_and_ports(hosts)
    parameters = {"user": user, "password": password, "host": names, "port": ports, "dbname": database}
    parameters = {name: _decode(text) for name, text in parameters.items() if text.strip(",")}
    parameters.update(_query_parameters(query))
    return parameters


def check_ports(parameters: Mapping[str, str]) -> None:
    """Raise BadInput for a port that is no number, without printing it: it may be part of a password."""
    for port in parameters.get("port", "").split(","):
        if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
            raise BadInput(f"--dburl: the port is not a number from 1 to 65535{_NO_CREDENTIALS}")


def effective_parameters(url: str, environment: Mapping[str, str] | None = None) -> Parameters:
    """Return the parameters of the URL, and for those it leaves out the environment's."""
    environment = os.environ if environment is None else environment
    given = {name: environment[variable] for variable, name in VARIABLES.items() if environment.get(variable)}
    return {**given, **parse_url(url)}


def pool_timeout_s(poolsize: int) -> float:
    """Return the time limit to open a pool of so many connections, which takes longer than one."""
    return CONNECT_TIMEOUT_S + poolsize / 10


def connect_timeout_s(parameters: Mapping[str, str]) -> int | None:
    """Return how long to wait for each server: as the user says, else CONNECT_TIMEOUT_S; None for no limit."""
    given = parameters.get("connect_timeout")
    try:
        seconds = CONNECT_TIMEOUT_S if given is None else int(given)
    except ValueError:
        raise BadInput(f"--dburl: connect_timeout: found {given!r}, expected a number of seconds") from None
    return seconds if seconds > 0 else None


def with_connect_timeout(url: str) -> dict[str, Any]:
    """Return the option that limits libpq's waiting for a server, unless the user has limited it."""
    parameters = effective_parameters(url)
    return {} if {"connect_timeout", "service"} & set(parameters) else {"connect_timeout": CONNECT_TIMEOUT_S}


def hosts_of(parameters: Mapping[str, str]) -> Sequence[Parameters]:
    """Return host, hostaddr and port, as far as they are given, of each server to try, in order.

    Raises BadInput if there are not as many of one as of the other.
    """
    lists = {name: parameters[name].split(",") for name in ("host", "hostaddr", "port") if parameters.get(name)}
    count = max([len(lists[name]) for name in ("host", "hostaddr") if name in lists] or [1])
    for name, values in lists.items():
        if name == "port" and len(values) == 1:
            lists[name] = values * count
        elif len(values) != count:
            raise BadInput(f"--dburl: found {len(values)} of {name} for {count} hosts; expected one for each host")
    return [{name: values[index] for name, values in lists.items() if values[index]} for index in range(count)]


def _check_encoding(rest: str) -> None:
    """Raise BadInput for a character that would end user name or password early."""
    credentials, at, _ = rest.rpartition("@")
    found = _TO_ENCODE.search(credentials)
    if at and found:
        raise BadInput(
            f"--dburl: found {found.group()!r} before the last '@'; in a user name, password or parameter write "
            f"{found.group()!r} as %{ord(found.group()):02X} and '@' as %40"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})|%00", rest):
        raise BadInput("--dburl: found '%' without two hexadecimal digits of a character; write '%' itself as %25")
    if re.search(r"\s", rest):
        raise BadInput("--dburl: found white space; write a blank as %20")


def _hosts_and_ports(text: str) -> tuple[str, str]:
    """Return the hosts and the ports of 'a:1,[::1]:2', each joined by commas."""
    hosts, ports = [], []
    for part in text.split(","):
        match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]*))(?::(.*))?", part)
        if match is None:
            raise BadInput(
                "--dburl: cannot read the host; expected a name, an IPv4 address or an IPv6 address in square "
                f"brackets{_NO_CREDENTIALS}"
            )
        hosts.append(match.group(1) or match.group(2) or "")
        ports.append(match.group(3) or "")
    return ",".join(hosts), ",".join(ports)


def _query_parameters(query: str) -> Parameters:
    parameters = {}
    # libpq takes one '&' more at the end.
    for part in re.sub(r"&\Z", "", query).split("&") if query else ():
        name, equals, value = part.partition("=")
        if not equals or "=" in value:
            raise BadInput("--dburl: behind '?' expected name=value pairs, joined by '&'; write other '=' as %3D")
        name, value = _decode(name), _decode(value)
        # As in JDBC's URLs.
        parameters.update({"sslmode": "require"} if (name, value) == ("ssl", "true") else {name: value})
    return parameters


def _split(text: str, separator: str) -> tuple[str, str]:
    first, _, second = text.partition(separator)
    return first, second


def _decode(text: str) -> str:
    # urllib.parse takes long to import.
    return re.sub(rb"%(..)", lambda code: bytes([int(code.group(1), 16)]), text.encode()).decode(errors="replace")
