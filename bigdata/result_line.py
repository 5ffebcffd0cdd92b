"""What the report of a run says, for the harness and for people's scripts."""

from __future__ import annotations

import platform
import sys
import sysconfig
from importlib import import_module
from typing import Any

from bigdata.measure import Measured, peak_rss_bytes, read_usage
from bigdata.registry import Loader

SCHEMA = 1


def phase_report(measured: Measured) -> dict[str, Any]:
    """One of the ``phases``."""
    return {
        "rows": measured.rows,
        "wall_s": measured.wall_s,
        "user_s": measured.usage.user_s,
        "system_s": measured.usage.system_s,
        "throttled_periods": None if measured.throttling is None else measured.throttling.throttled_periods,
        "throttled_s": None if measured.throttling is None else measured.throttling.throttled_s,
    }


def client_report(loader: Loader, loop: str | None, data: Measured) -> dict[str, Any]:
    """What the interpreter and its packages are; context switches of phase data; CPU time since the process began."""
    usage = read_usage()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil_enabled": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
        "optimized_build": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "packages": package_versions(loader, loop),
        "libpq": _libpq_version(),
        "voluntary_switches": data.usage.voluntary_switches,
        "involuntary_switches": data.usage.involuntary_switches,
        "peak_rss_bytes": peak_rss_bytes(),
        "cpu_s": usage.user_s + usage.system_s,
    }


def package_versions(loader: Loader, loop: str | None) -> dict[str, str]:
    """Of the driver, what it stands on, and the loop. They all say it themselves, on every Python."""
    names = (*loader.modules, "uvloop") if loop == "uvloop" else loader.modules
    return {name: str(import_module(name).__version__).split()[0] for name in names}


def _libpq_version() -> int | None:
    """As libpq counts: 170011 is 17.11. None for a driver that does without it."""
    extensions = sys.modules.get("psycopg2.extensions")
    version: int | None = extensions.libpq_version() if extensions is not None else None
    return version
