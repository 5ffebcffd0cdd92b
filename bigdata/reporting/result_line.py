"""Contents of a run's report, for the harness and for scripts."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any, Mapping, Sequence

from bigdata.measurement.measure import Measured, peak_rss_bytes, read_usage
from bigdata.measurement.tally import Taken, find_latency_percentiles, find_rows_per_worker
from bigdata.registry import LOOP_PACKAGES, Loader

SCHEMA = 1

MAPS = Path("/proc/self/maps")


def phase_report(measured: Measured) -> dict[str, Any]:
    """Return one of the ``phases``."""
    return {
        "rows": measured.rows,
        "wall_s": measured.wall_s,
        "started_s": measured.started_s,
        "ended_s": measured.ended_s,
        "user_s": measured.usage.user_s,
        "system_s": measured.usage.system_s,
        "run_queue_s": measured.usage.run_queue_s,
        "throttled_periods": None if measured.throttling is None else measured.throttling.throttled_periods,
        "throttled_s": None if measured.throttling is None else measured.throttling.throttled_s,
        "throttling_quota": None if measured.throttling is None else measured.throttling.quota,
    }


def client_report(
    loader: Loader,
    loop: str | None,
    data: Measured,
    children_peak_rss_bytes: int = 0,
    taken: Sequence[Taken] = (),
    programs: Mapping[str, str] = {},
) -> dict[str, Any]:
    """Return interpreter, packages, context switches of phase data, and CPU time since the process started.

    Child processes count in all of them; memory that several share counts in each. ``taken`` is what each worker took
    of phase data, ``programs`` the version of whatever did it in the driver's place.
    """
    usage = read_usage()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        **_interpreter(),
        "packages": {**package_versions(loader, loop), **programs},
        **_driver(loader),
        "voluntary_switches": data.usage.voluntary_switches,
        "involuntary_switches": data.usage.involuntary_switches,
        "peak_rss_bytes": peak_rss_bytes() + children_peak_rss_bytes,
        "cpu_s": usage.user_s + usage.system_s,
        "rows_per_worker": find_rows_per_worker(taken),
        "record_latency_s": find_latency_percentiles(taken),
    }


def _interpreter() -> dict[str, Any]:
    """Return how the interpreter was built, and what is in effect after all imports, which can enable the GIL."""
    built_with = sysconfig.get_config_var("CONFIG_ARGS") or "" if _is_described() else None
    jit = getattr(sys, "_jit", None)
    return {
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil_enabled": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
        "gil_requested": os.environ.get("PYTHON_GIL"),
        "optimized_build": None if built_with is None else "--enable-optimizations" in built_with,
        "lto": None if built_with is None else "--with-lto" in built_with,
        "jit": jit.is_enabled() if jit is not None and jit.is_available() else None,
        "switch_interval_s": sys.getswitchinterval(),
    }


def _is_described() -> bool:
    """Return whether ``sysconfig`` is of this executable: Debian's is static, its sysconfig that of a shared build."""
    try:
        return not sysconfig.get_config_var("Py_ENABLE_SHARED") or "libpython" in MAPS.read_text(encoding="utf-8")
    except OSError:
        return True


def package_versions(loader: Loader, loop: str | None) -> dict[str, str]:
    """Return the versions of driver, its base and the loop, from the packages themselves."""
    names = (*loader.modules, loop) if loop in LOOP_PACKAGES else loader.modules
    return {name: str(import_module(name).__version__).split()[0] for name in names}


def _driver(loader: Loader) -> dict[str, Any]:
    """Return the driver's implementation, if it has several, and its libpq; None without libpq."""
    if "psycopg" in loader.modules:
        pq = import_module("psycopg.pq")
        # psycopg's own words: binary is the wheel with a libpq in it, c and python take the system's.
        bundled = pq.__impl__ == "binary"
        return {"libpq": pq.version(), "libpq_bundled": bundled, "driver_implementation": pq.__impl__}
    if "psycopg2" in loader.modules:
        version = import_module("psycopg2.extensions").libpq_version()
        return {"libpq": version, "libpq_bundled": _psycopg2_has_libraries(), "driver_implementation": None}
    return {"libpq": None, "libpq_bundled": None, "driver_implementation": None}


def _psycopg2_has_libraries() -> bool:
    """Return True if a wheel's own libraries exist: beside the package on Linux, inside it on macOS."""
    package = Path(str(import_module("psycopg2").__file__)).parent
    return (package.parent / "psycopg2_binary.libs").is_dir() or (package / ".dylibs").is_dir()
