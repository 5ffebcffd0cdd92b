"""Settings of PostgreSQL that no matrix may change: they reach beyond the experiment, or undo its proofs."""

from collections.abc import Iterator, Mapping

from experiments.matrix.yaml_document import Finding

# What connects harness and server: a configuration that changed it would lose the server, or let others in.
_CONNECTION = frozenset(
    ("listen_addresses", "port", "external_pid_file", "jit_provider", "primary_conninfo", "log_filename", "bonjour")
)
# Settings that name a command, a file, a folder or a library: 'archive_command', 'hba_file', 'dynamic_library_path'.
_ENDINGS = ("_command", "_file", "_library", "_libraries", "_directory", "_directories", "_path", "_dir", "_if_exists")
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
    """Yield the settings of the named configurations that no matrix may change, by their place in matrix.yaml."""
    for name, body in (postgres if isinstance(postgres, Mapping) else {}).items():
        settings = body.get("settings") if isinstance(body, Mapping) else None
        for setting in settings if isinstance(settings, Mapping) else {}:
            if (reason := refusal_of(str(setting))) is not None:
                yield Finding(("postgres", str(name), "settings", str(setting)), reason)
