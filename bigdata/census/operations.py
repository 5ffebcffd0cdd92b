"""Operations of a workload: the keys of geo records that they are of, drawn alike for every loader."""

from __future__ import annotations

import random
from typing import Callable, Iterator, NamedTuple

from bigdata.census.dictionary import segment
from bigdata.census.record_files import ABSENT, BLOCK_ROW
from bigdata.census.sf1 import FILEID, Key
from bigdata.census.source import Source
from bigdata.registry import CHECKED_OPERATIONS, OPEN_LOOP_TIMES, Workload

SEED = 2014


class Operations(NamedTuple):
    """The keys of both phases, and a function for the rows that the operation of a key returns."""

    checked: list[Key]
    """Untimed operations, whose answers are digested."""
    timed: list[Key]
    rows_of: Callable[[Key], int]


def draw_operations(source: Source, workload: Workload, poolsize: int, *, is_open: bool = False) -> Operations:
    """Draw the operations of a pool over the geo records of the source: the same ones wherever it is done.

    Those of an open loop are the timed ones of a closed loop, again and again.
    """
    elements = dict(_elements_of_keys(source))
    keys = list(elements)
    timed = workload.operations(len(keys), poolsize)
    checked = min(CHECKED_OPERATIONS, timed)
    draw = random.Random(SEED).random  # noqa: S311  # Python promises this sequence, not that of choice()
    drawn = [keys[int(draw() * len(keys))] for _ in range(checked + timed)]
    # Counted while the clock runs: bool is the cheapest that returns 1 of each key.
    rows_of = elements.__getitem__ if "SELECT_ELEMENTS" in workload.statements else bool
    return Operations(drawn[:checked], drawn[checked:] * (OPEN_LOOP_TIMES if is_open else 1), rows_of)


def _elements_of_keys(source: Source) -> Iterator[tuple[Key, int]]:
    """Yield each geo record's key, in order, with the number of its data elements."""
    for state in source.loaded_states:
        segments = [segment(file.number) for file in state.segments]
        of_place = sum(one.items for one in segments)
        of_block = sum(one.items for one in segments if one.in_block_rows)
        for number, kind in enumerate(state.logical_records):
            if kind != ABSENT:
                yield Key(FILEID, state.stusab, f"{number:07}"), of_block if kind == BLOCK_ROW else of_place
