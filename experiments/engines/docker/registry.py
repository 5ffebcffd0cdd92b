"""Registry queries through the Docker engine, which knows proxies, mirrors and credentials."""

from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, NotFound

from experiments.engines.docker.errors import SDK_ERRORS, error_message

PLATFORMS = ("linux/amd64", "linux/arm64")
"""What an index must have: the pins serve both."""

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
# What the official images call their version.
_VERSION_VARIABLES = ("PYTHON_VERSION", "PG_VERSION")


class NoAnswer(Exception):
    """The error that no registry answers; the message is the reason on one line."""


class NoSuchImage(Exception):
    """The registry's answer that it has no such image, in its own words."""


@dataclass(frozen=True)
class Answer:
    """The content of a registry under a reference."""

    digest: str
    media_type: str
    platforms: frozenset[str]

    def fault(self) -> str | None:
        """Return why this is not a multi-arch index for all ``PLATFORMS``; None if it is one."""
        if self.media_type not in _INDEXES:
            return f"is not a multi-arch index but {self.media_type}"
        missing = [platform for platform in PLATFORMS if platform not in self.platforms]
        return f"has no {' and no '.join(missing)}" if missing else None


class Registry:
    """The registries that the engine reaches; one that does not answer is not asked again."""

    def __init__(self, client: Any | None, reason: str = "there is no Docker engine") -> None:
        """Take a ``docker.DockerClient``, or the ``reason`` why no engine answers."""
        self._client = client
        self._reason = reason
        self._silent: dict[str, str] = {}

    def ask(self, reference: str) -> Answer:
        """Look up a tag or digest. Raises NoSuchImage, NoAnswer."""
        if self._client is None:
            raise NoAnswer(self._reason)
        host = _host(reference)
        if host in self._silent:
            raise NoAnswer(self._silent[host])
        try:
            found = self._client.api.inspect_distribution(reference)
        except SDK_ERRORS as error:
            if _is_absence(error):
                raise NoSuchImage(error_message(error)) from error
            if not (isinstance(error, APIError) and error.is_client_error()):
                self._silent[host] = error_message(error)
            raise NoAnswer(error_message(error)) from error
        platforms = frozenset(f"{one.get('os')}/{one.get('architecture')}" for one in found.get("Platforms") or ())
        return Answer(found["Descriptor"]["digest"], found["Descriptor"]["mediaType"], platforms)

    def pull_version(self, pinned: str) -> str | None:
        """Pull an image by digest, to be built upon; return its declared version, if any. Raises NoAnswer."""
        if self._client is None:
            raise NoAnswer(self._reason)
        try:
            image = self._client.images.pull(pinned)
        except SDK_ERRORS as error:
            raise NoAnswer(error_message(error)) from error
        return declared_version(image.attrs["Config"].get("Env") or ())


def declared_version(environment: list[str] | tuple[str, ...]) -> str | None:
    """Return the version in an official image's environment: '3.13.16', '17.11' (of '17.11-1.pgdg12+1')."""
    variables = dict(entry.partition("=")[::2] for entry in environment)
    versions = [variables[name] for name in _VERSION_VARIABLES if variables.get(name)]
    return versions[0].partition("-")[0] if versions else None


def _is_absence(error: Exception) -> bool:
    """Return whether a registry answered: an engine that cannot ask (Podman, say) gives a bare 404."""
    return isinstance(error, NotFound) and error_message(error).lower() not in ("not found", "page not found")


def _host(reference: str) -> str:
    """Return the registry's host in a reference; empty for the default one."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""
