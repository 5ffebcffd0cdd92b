"""Process that removes what a campaign has in the engines of two hosts when the harness is killed.

The next campaign would, too, but maybe never on that host: until then a PostgreSQL would listen there.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from experiments.engines.docker.connect import connect
from experiments.engines.docker.resources import remove_campaign
from experiments.environment.hashes import PROJECT
from experiments.errors import BadInput, Failure

Kept = Sequence[tuple[str | None, str]]
"""The context of each engine, and the campaign's label there."""

_DONE = "done"
# What the engine was at when the harness was killed may be there a moment later only.
_ROUNDS = 3
_PAUSE_S = 1.0


@contextmanager
def keeper(kept: Kept) -> Iterator[None]:
    """Have all of it removed by another process, which signals to this one do not reach, unless this is left well."""
    command = [sys.executable, "-m", "experiments.engines.docker.hosts.keeper"]
    with subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, start_new_session=True, cwd=PROJECT) as process:
        assert process.stdin is not None
        process.stdin.write(f"{json.dumps(kept)}\n".encode())
        yield
        # Somebody may have ended it.
        with suppress(OSError):
            process.stdin.write(_DONE.encode())


def keep(heard: str) -> None:
    """Remove what the first line names, unless the last one says that it is done."""
    first, *others = heard.splitlines() or ["[]"]
    if _DONE in others:
        return
    for number in range(_ROUNDS):
        time.sleep(_PAUSE_S if number else 0.0)
        for context, campaign in json.loads(first):
            # Nobody is left to tell; the next campaign there removes what is left.
            with suppress(BadInput, Failure):
                remove_campaign(connect(context), campaign)


if __name__ == "__main__":
    # Until the harness has ended, in whatever way.
    keep(sys.stdin.read())
