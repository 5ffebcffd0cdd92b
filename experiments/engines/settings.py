"""Settings of every PostgreSQL of a campaign, below those of its named configuration."""

from collections.abc import Mapping

from experiments.errors import BadInput, Failure
from experiments.matrix.settings import setting_name
from experiments.matrix.yaml_document import YamlPath, write_path


def harness_settings(max_connections: int) -> dict[str, str]:
    """Return the harness's settings; those that decide the cost of a commit (fsync) are not touched."""
    return {
        # The same for every cell of a campaign: the largest pool and some room, as each slot costs shared memory.
        "max_connections": str(max_connections),
        # It would wake up in some runs and not in others; tables are cleared between runs.
        "autovacuum": "off",
        # A CHECKPOINT is made before each run; none must fall into one, by time ...
        "checkpoint_timeout": "1h",
        # ... or by the amount written, except in loads of several gigabytes.
        "max_wal_size": "4GB",
    }


def merged_settings(configured: Mapping[str, str], *, max_connections: int) -> dict[str, str]:
    """Merge the settings of a configuration over those of the harness, by the names that PostgreSQL reads."""
    return {**harness_settings(max_connections), **{setting_name(name): text for name, text in configured.items()}}


class RefusedSettings(BadInput):
    """An error of settings that harness or server refuse: ``path`` leads to them in matrix.yaml, ``text`` says why."""

    def __init__(self, path: YamlPath, text: str) -> None:
        super().__init__(f"{write_path(path)}{text}")
        self.path = path
        self.text = text


def refused(name: str, version: str, settings: Mapping[str, str], words: str) -> RefusedSettings | Failure:
    """Make the error of a PostgreSQL that ended with ``words``: of a setting that they name, or of all ``settings``."""
    if not settings:
        return Failure(f"PostgreSQL {version} did not start: {words}")
    named = [setting for setting in settings if setting.lower() in words.lower()]
    culprits = named if len(named) == 1 else list(settings)
    listed = ", ".join(f"{setting}={settings[setting]}" for setting in culprits)
    path = ("postgres", name, "settings", *(named if len(named) == 1 else ()))
    return RefusedSettings(path, f"PostgreSQL {version} does not start with {listed}: {words}")
