"""Gate before each run: other work is to leave the run's cores first, as long as patience lasts.

A busy neighbour does not only add noise, it slows event loops down more than threads. So each run waits for quiet
cores, and a run that was disturbed all the same is repeated within its block, together with the baseline, at most
``MOST_REPEATS`` times, while the cores are quiet and patience lasts. ``experiments.analysis.attempts`` has the rule
which attempt counts. Only causes outside of the run decide, never its speed, so that repeating does not bias the ratios
(tests/experiments/campaign/test_repeating.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from experiments.analysis.disturbance import find_load
from experiments.analysis.usable_cores import count_cores
from experiments.campaign.monitoring import host
from experiments.campaign.prepared_cell import PreparedCell

MOST_REPEATS = 2

CAMPAIGN_FACTOR = 10
"""Times the patience of a block: that of a whole campaign, for waiting and repeating."""

LOOK_S = 0.1
"""The first look before each run. The kernel counts in ticks of 10 ms, so a second look decides where it sees load."""
LOOK_AGAIN_S = 0.5

Look = Callable[[PreparedCell, float], str | None]


class QuietGate:
    """The patience of a campaign, ``block_s`` seconds of waiting in a block; none for 0."""

    def __init__(
        self,
        block_s: float,
        tell: Callable[[str], None],
        look: Look | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._block_s = block_s
        self._tell = tell
        self._look = look or look_at
        self._clock = clock
        self._campaign_left_s = CAMPAIGN_FACTOR * block_s
        self._left_s = 0.0

    @property
    def is_open(self) -> bool:
        """Return whether it waits and repeats at all, and has not yet spent the campaign's patience."""
        return self._campaign_left_s > 0

    def begin_block(self) -> None:
        """Give a new block its patience."""
        self._left_s = min(self._block_s, self._campaign_left_s)

    @contextmanager
    def repeating(self) -> Iterator[None]:
        """Take the time of a repetition from the campaign's patience."""
        began_s = self._clock()
        yield
        self._campaign_left_s -= self._clock() - began_s

    def wait(self, prepared: PreparedCell) -> bool:
        """Wait until the cores of the run are quiet; return False if they are not when patience ends."""
        if not (self._block_s and prepared.here) or self._look(prepared, LOOK_S) is None:
            return True
        began_s, told = self._clock(), False
        while self._left_s > 0 and (cause := self._look(prepared, LOOK_AGAIN_S)) is not None:
            if not told:
                self._tell(f"waiting for quiet cores, at most {self._left_s:.0f} s in this block: {cause}")
                told = True
            now_s = self._clock()
            self._left_s -= now_s - began_s
            self._campaign_left_s -= now_s - began_s
            began_s = now_s
            if self._left_s <= 0:
                self._tell("not quiet: the runs of this block are measured all the same, and not repeated")
        return self._left_s > 0


def look_at(prepared: PreparedCell, window_s: float) -> str | None:
    """Return what disturbs the cores of a run before it begins; None if they are quiet, or nothing tells."""
    before, server_s = host.read(), prepared.server.cpu_s()
    time.sleep(window_s)
    ours_s = prepared.server.cpu_s() - server_s
    seen = host.describe(before, host.read(), cpus=prepared.placement.cpus, ours_s=ours_s)
    return find_load(seen, count_cores(prepared.placement))
