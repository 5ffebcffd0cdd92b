"""Which loader on which loop: checked before anything is opened, then run."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Callable

from bigdata.errors import BadInput
from bigdata.registry import LOADERS, Loader
from bigdata.runtimes.job import Job, Outcome


@dataclass(frozen=True)
class Choice:
    """A loader whose packages are here, and what it runs on."""

    loader: Loader
    loop: str | None
    driver: Any
    """Its module in ``bigdata.loaders``."""
    run: Callable[[Job], Outcome]


def check_choice(name: str, loop: str | None, poolsize: int, executemany: bool) -> Choice:
    """The loader of this name. Raises BadInput where it is unknown, not installed, or cannot do what is asked."""
    loader = find_loader(name)
    if poolsize < 1:
        raise BadInput(f"--poolsize: found {poolsize}, expected 1 or more")
    if loop is not None and loop not in loader.loops:
        allowed = f"one of {', '.join(loader.loops)}" if loader.loops else "none: it has no event loop"
        raise BadInput(f"--loop: found {loop!r}, but {name} takes {allowed}")
    if executemany and not loader.executemany:
        able = ", ".join(other.name for other in LOADERS.values() if other.executemany)
        raise BadInput(f"--allow-executemany: {loader.driver} of {name} has no executemany here; these can: {able}")
    chosen_loop = loop or (loader.loops[0] if loader.loops else None)
    return Choice(loader, chosen_loop, _import_driver(loader), _runner(loader, chosen_loop))


def find_loader(name: str) -> Loader:
    """Raises BadInput with a suggestion where no loader is called so."""
    if name in LOADERS:
        return LOADERS[name]
    close = get_close_matches(name, LOADERS, n=1)
    suggestion = f"did you mean {close[0]}? " if close else ""
    raise BadInput(f"{name!r} is no loader ({suggestion}known: {', '.join(LOADERS)})")


def _import_driver(loader: Loader) -> Any:
    try:
        return import_module(f"bigdata.loaders.{loader.hot_loop}")
    except ImportError as error:
        raise BadInput(
            f"{loader.name}: its driver cannot be imported ({error}): pip install {' '.join(loader.requirements)}"
        ) from error


def _runner(loader: Loader, loop: str | None) -> Callable[[Job], Outcome]:
    runtime = import_module(f"bigdata.runtimes.{loader.runtime}")
    run: Callable[..., Outcome] = runtime.run
    if loop is None:
        return run
    from bigdata.runtimes.loops import loop_factory

    try:
        new_event_loop = loop_factory(loop)
    except ImportError as error:
        raise BadInput(f"--loop {loop}: cannot be imported ({error}): pip install {loop}") from error
    return lambda job: run(job, new_event_loop)
