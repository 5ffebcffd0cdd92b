"""Images of a campaign: one loader image per interpreter, one of PostgreSQL per major version."""

import os
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import TypeVar

from docker import DockerClient

from experiments.engines.docker.base_images import Base, NotPulled, Tell, get_base, has_pin, is_present
from experiments.engines.docker.loader_image import LoaderImage, ensure_loader_image
from experiments.environment.cache import is_news
from experiments.environment.image_lock import ImageLock, Kind, Slot, Source, version_order
from experiments.environment.requirements import is_free_threaded, locked_pythons
from experiments.errors import BadInput, Failure, Unsupported
from experiments.formatting import duration
from experiments.matrix.packages import Packages

NAMES: dict[Kind, str] = {"python": "Python", "postgres": "PostgreSQL", "tools": "tools of Debian"}
SOURCE_NAMES: dict[Source, str] = {"registry": "the pinned official images", "debian": "Debian's packages"}
NO_FREE_THREADED = "no base image: neither the official images nor Debian have a free-threaded CPython (--engine local)"

_MOST_AT_ONCE = 4

_Key = TypeVar("_Key", bound=Hashable)
_Made = TypeVar("_Made", LoaderImage, Base)


def name_of(kind: Kind, version: str) -> str:
    """Return the name for people: 'Python 3.13', 'PostgreSQL 17'."""
    return f"{NAMES[kind]} {version}"


class Images:
    """The images of one source, each made when asked for. ``offline``: why only those in the engine count."""

    def __init__(self, client: DockerClient, lock: ImageLock, source: Source, offline: str | None = None) -> None:
        self.source: Source = source
        self._offline = offline if source == "registry" else None
        self._client = client
        self._lock = lock
        self._stop = threading.Event()
        self._loaders: dict[tuple[str, Packages], LoaderImage | Exception] = {}
        self._servers: dict[str, Base | Exception] = {}
        self._had: dict[Kind, tuple[str, ...]] = {}

    def pythons(self) -> tuple[str, ...]:
        """Return the interpreters with a base image and locked packages, oldest first."""
        locked = locked_pythons()
        return tuple(python for python in self._pinned("python") if python in locked)

    def majors(self) -> tuple[str, ...]:
        """Return the major versions of PostgreSQL that this source has, oldest first."""
        return self._pinned("postgres")

    def make(self, pythons: Iterable[str], majors: Iterable[str], tell: Tell) -> None:
        """Make all of these, several at once. What fails does so later, where it is asked for.

        ``tell`` gets lines about what had to be made and where Debian's archive differs from the lock. It is called
        from several threads. An interruption ends what is being made.
        """
        jobs: list[tuple[str, Callable[[Tell], LoaderImage | Base]]] = [
            *(
                (name_of("python", python), partial(self._ensure_loader, python, ()))
                for python in dict.fromkeys(pythons)
            ),
            *((name_of("postgres", major), partial(self._ensure_server, major)) for major in dict.fromkeys(majors)),
        ]
        progress = _Progress(len(jobs), tell)
        with ThreadPoolExecutor(min(_MOST_AT_ONCE, (os.cpu_count() or 1) + 1)) as pool:
            try:
                for future in as_completed([pool.submit(progress.attempt, name, job) for name, job in jobs]):
                    future.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def loader(self, python: str, packages: Packages = ()) -> LoaderImage:
        """Return the image of an interpreter with these packages on top of the locked ones.

        Raises Unsupported without base here, BadInput for a bad digest or a version that does not exist, Failure.
        """
        return self._ensure_loader(python, packages, _say_nothing)

    def postgres(self, major: str) -> Base:
        """Return the image of PostgreSQL; raise as ``loader`` does."""
        return self._ensure_server(major, _say_nothing)

    def not_pulled(self) -> str | None:
        """Return why the registry refused an official image; None if it did not, and where a pin has to be mended."""
        errors = [*self._loaders.values(), *self._servers.values()]
        wrong = any(isinstance(error, BadInput) for error in errors)
        return None if wrong else next((error.reason for error in errors if isinstance(error, NotPulled)), None)

    def _pinned(self, kind: Kind) -> tuple[str, ...]:
        if kind not in self._had:
            entries = self._lock.of(kind).items()
            found = [version for version, pins in entries if has_pin((kind, version), pins, self.source)]
            if self._offline is not None:
                found = [one for one in found if is_present(self._client, (kind, one), self._lock.pins((kind, one)))]
            self._had[kind] = tuple(sorted(found, key=version_order))
        return self._had[kind]

    def _ensure_loader(self, python: str, packages: Packages, tell: Tell) -> LoaderImage:
        def make() -> LoaderImage:
            base = self._base(("python", python), self.pythons(), tell)
            return ensure_loader_image(self._client, python, base, self._stop, tell, packages=packages)

        return _once(self._loaders, (python, packages), make)

    def _ensure_server(self, major: str, tell: Tell) -> Base:
        return _once(self._servers, major, lambda: self._base(("postgres", major), self.majors(), tell))

    def _base(self, slot: Slot, known: tuple[str, ...], tell: Tell) -> Base:
        if slot[0] == "python" and is_free_threaded(slot[1]):
            raise Unsupported(NO_FREE_THREADED)
        if slot[1] in known:
            found = get_base(self._client, slot, self._lock.pins(slot), self.source, self._stop, tell)
            if found is not None:
                return found
        if self._offline is not None and has_pin(slot, self._lock.pins(slot), self.source):
            raise Unsupported(f"{name_of(*slot)}: not in the engine, and {self._offline}")
        raise Unsupported(f"{name_of(*slot)}: {SOURCE_NAMES[self.source]} have {', '.join(known) or 'none'}")


def _once(kept: dict[_Key, _Made | Exception], key: _Key, make: Callable[[], _Made]) -> _Made:
    """Return the image or raise its error; make or try it only once."""
    if key not in kept:
        try:
            kept[key] = make()
        except (BadInput, Failure, Unsupported) as error:
            kept[key] = error
    found = kept[key]
    if isinstance(found, Exception):
        raise found
    return found


class _Progress:
    """Progress of concurrent jobs: what each does, and how many are done."""

    def __init__(self, jobs: int, tell: Tell) -> None:
        self._jobs = jobs
        self._print = tell
        self._ready = 0
        # A number is told before the next one is counted, and a line before the next one begins.
        self._turn = threading.RLock()

    def attempt(self, name: str, job: Callable[[Tell], LoaderImage | Base]) -> None:
        """Do one job and report its result if it is new."""
        started = time.monotonic()
        try:
            done = job(lambda line: self._tell(f"{name}: {line}"))
        except (BadInput, Failure, Unsupported):
            # Kept, and raised to whoever asks for the image.
            return
        base = done if isinstance(done, Base) else done.base
        with self._turn:
            self._ready += 1
            if done.made:
                counted = f"; {self._ready} of {self._jobs} ready" if self._jobs > 1 else ""
                self._tell(f"{name}: ready after {duration(time.monotonic() - started)}{counted}")
        if base.drift is not None and is_news(line := f"{name}: Debian's archive differs from the lock: {base.drift}"):
            self._tell(line)

    def _tell(self, line: str) -> None:
        with self._turn:
            self._print(line)


def _say_nothing(line: str) -> None:
    """Report nothing."""
