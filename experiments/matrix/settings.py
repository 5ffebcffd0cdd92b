"""Settings of PostgreSQL that a matrix may change: those that the version has and that stay inside the experiment."""

from collections.abc import Iterator, Mapping

from experiments.errors import quote
from experiments.matrix.known_settings import find_similar, settings_of
from experiments.matrix.yaml_document import Finding

# What connects harness and server: a configuration that changed it would lose the server, or let others in.
_CONNECTION = frozenset(
    ("listen_addresses", "port", "external_pid_file", "jit_provider", "primary_conninfo", "log_filename", "bonjour")
)
# Settings that name a command, a file, a folder or a library: 'archive_command', 'hba_file', 'dynamic_library_path'.
_ENDINGS = (
    "_command",
    "_file",
    "_keyfile",
    "_library",
    "_libraries",
    "_directory",
    "_directories",
    "_path",
    "_dir",
    "_if_exists",
)
_HARMLESS = frozenset(("search_path",))


def setting_name(name: str) -> str:
    """Return the name as PostgreSQL reads it: without case, and a dash for an underscore."""
    return name.lower().replace("-", "_")


def refusal_of(name: str) -> str | None:
    """Return the reason why no matrix may change this setting; None if it may."""
    name = setting_name(name)
    if name == "track_counts":
        return "the counts of the server are the proof of equal work; remove it"
    if name in _HARMLESS or not (name in _CONNECTION or name.startswith("unix_socket_") or name.endswith(_ENDINGS)):
        return None
    return "commands, files, libraries and addresses reach beyond the experiment; remove it"


def check_settings(postgres: object) -> Iterator[Finding]:
    """Yield what is wrong with the settings of the named configurations, by their place in matrix.yaml."""
    for name, body in (postgres if isinstance(postgres, Mapping) else {}).items():
        settings = body.get("settings") if isinstance(body, Mapping) else None
        for setting, value in (settings if isinstance(settings, Mapping) else {}).items():
            reason = refusal_of(str(setting)) or _problem_of(str(setting), value, str(body.get("version")))
            if reason is not None:
                yield Finding(("postgres", str(name), "settings", str(setting)), reason)


def _problem_of(name: str, value: object, major: str) -> str | None:
    """Return why PostgreSQL of this version does not take the setting, as far as the list of its settings tells."""
    known = settings_of(major)
    # Settings with a dot are those of extensions, which a version's own list does not have.
    if not known or "." in name:
        return None
    found = known.get(setting_name(name))
    if found is None:
        return f"is not a setting of PostgreSQL {major}{find_similar(setting_name(name), known)}"
    if isinstance(value, bool):
        value = "on" if value else "off"
    problem = found.problem_of(str(value)) if isinstance(value, str | int | float) else None
    return None if problem is None else f"{quote(str(value))} {problem}"
