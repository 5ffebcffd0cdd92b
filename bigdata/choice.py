"""Choice of loader, event loop, protocol and implementation, checked before anything is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from typing import Any, Callable

from bigdata.errors import BadInput, Unsupported
from bigdata.registry import CHECKOUTS, LOADERS, LOOP_PACKAGES, Loader
from bigdata.runtimes.job import Job, Outcome

IMPLEMENTATION_VARIABLE = "PSYCOPG_IMPL"
"""Environment variable that psycopg reads at import; without such an implementation it raises ImportError."""


@dataclass(frozen=True)
class Choice:
    """A loader with its packages imported, and the options it runs with."""

    loader: Loader
    loop: str | None
    protocol: str
    driver: Any
    """Module in ``bigdata.loaders``."""
    runtime: Callable[[Job], Outcome]

    def run(self, job: Job) -> Outcome:
        """Load. Raises Unsupported if the loop or the driver turns out not to support it.

        What a loop of a package lacks, unlike one of Python's own, may also show in an attribute that is not there.
        """
        try:
            return self.runtime(job)
        except (NotImplementedError, AttributeError) as error:
            if isinstance(error, AttributeError) and (self.loop not in LOOP_PACKAGES or _is_of_hot_loop(error)):
                raise
            where = "" if str(error) else f" in {extract_tb(error.__traceback__)[-1].name}"
            raise Unsupported(
                f"{self.loop or self.loader.runtime} cannot run {self.loader.driver}: "
                f"{type(error).__name__}{where}{_words(error)}"
            ) from error


def _is_of_hot_loop(error: AttributeError) -> bool:
    """Return True for a mistake of our own: a hot loop uses its driver, never the event loop."""
    return Path(extract_tb(error.__traceback__)[-1].filename).parent.name == "loaders"


def check_choice(
    name: str,
    loop: str | None,
    poolsize: int,
    executemany: bool,
    protocol: str | None = None,
    implementation: str | None = None,
    checkout: str = CHECKOUTS[0],
) -> Choice:
    """Return the loader of this name, with its packages imported.

    Raises BadInput if it is unknown or does not offer what is asked, Unsupported if this interpreter cannot
    import what it needs.
    """
    loader = _check_checkout(find_loader(name), checkout)
    _check_poolsize(loader, poolsize)
    if loop is not None and loop not in loader.loops:
        allowed = f"one of {', '.join(loader.loops)}" if loader.loops else "none: it has no event loop"
        raise BadInput(f"--loop: found {loop!r}, but {name} accepts {allowed}")
    chosen_protocol = _check_protocol(loader, protocol, executemany)
    _check_implementation(loader, implementation)
    chosen_loop = loop or (loader.loops[0] if loader.loops else None)
    if implementation is not None:
        os.environ[IMPLEMENTATION_VARIABLE] = implementation
    # The runtime goes first: how a driver waits for its server may be decided when it is imported.
    runtime = _runtime(loader, chosen_loop)
    return Choice(loader, chosen_loop, chosen_protocol, _import(f"bigdata.loaders.{loader.hot_loop}", loader), runtime)


def find_loader(name: str) -> Loader:
    """Return the loader of this name. Raises BadInput with a suggestion if there is none."""
    if name in LOADERS:
        return LOADERS[name]
    close = get_close_matches(name, LOADERS, n=1)
    suggestion = f"did you mean {close[0]}? " if close else ""
    raise BadInput(f"unknown loader {name!r} ({suggestion}known: {', '.join(LOADERS)})")


def _check_poolsize(loader: Loader, poolsize: int) -> None:
    if poolsize < 1:
        raise BadInput(f"--poolsize: found {poolsize}, expected 1 or more")
    if poolsize > 1 and not loader.concurrent:
        raise BadInput(f"--poolsize: found {poolsize}, expected 1: {loader.name} has one connection")


def _check_protocol(loader: Loader, protocol: str | None, executemany: bool) -> str:
    chosen = protocol or loader.protocols[0]
    if chosen not in loader.protocols:
        raise BadInput(f"--protocol: found {protocol!r}, but {loader.name} supports {', '.join(loader.protocols)}")
    if executemany and not loader.executemany:
        able = ", ".join(other.name for other in LOADERS.values() if other.executemany)
        raise BadInput(f"--allow-executemany: {loader.name} does not support executemany; loaders that do: {able}")
    if executemany and loader.pipelines and chosen == "simple":
        raise BadInput(
            f"--allow-executemany: {loader.driver} sends it by a pipeline, which the protocol simple does not support; "
            f"expected --protocol {' or '.join(other for other in loader.protocols if other != chosen)}"
        )
    return chosen


def _check_checkout(loader: Loader, checkout: str) -> Loader:
    """Return the loader with its modules for this checkout."""
    if checkout not in CHECKOUTS:
        raise BadInput(f"--checkout: found {checkout!r}, expected one of {', '.join(CHECKOUTS)}")
    if checkout not in loader.checkouts:
        able = ", ".join(other.name for other in LOADERS.values() if checkout in other.checkouts)
        raise BadInput(f"--checkout: {loader.name} takes no connections from a pool; loaders that do: {able}")
    return loader.with_checkout(checkout)


def _check_implementation(loader: Loader, implementation: str | None) -> None:
    if implementation is None or implementation in loader.implementations:
        return
    allowed = f"one of {', '.join(loader.implementations)}"
    if not loader.implementations:
        allowed = f"none: {loader.driver} has one only"
    raise BadInput(f"--implementation: found {implementation!r}, but {loader.name} accepts {allowed}")


def _runtime(loader: Loader, loop: str | None) -> Callable[[Job], Outcome]:
    module = _import(f"bigdata.runtimes.{loader.runtime}", loader)
    if hasattr(module, "prepare"):
        module.prepare()
    run: Callable[..., Outcome] = module.run
    if loop is None:
        return run
    from bigdata.runtimes.loops import loop_factory

    try:
        new_event_loop = loop_factory(loop)
    except ImportError as error:
        raise Unsupported(f"{loop} cannot be imported{_words(error)}{_remedy(error, loop)}") from error
    return lambda job: run(job, new_event_loop)


def _import(module: str, loader: Loader) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        named = (error.name or "").partition(".")[0]
        what = named if named in loader.modules else loader.driver
        remedy = _remedy(error, " ".join(loader.requirements))
        raise Unsupported(f"{what} cannot be imported{_words(error)}{remedy}") from error


def _words(error: BaseException) -> str:
    """Return the message of the error on one line."""
    words = " ".join(str(error).split())
    return f": {words}" if words else ""


def _remedy(error: ImportError, packages: str) -> str:
    return f"; pip install {packages}" if isinstance(error, ModuleNotFoundError) else ""
