"""pgbench's script for the operations of a workload: each client in its turn has one, of a key that pgbench draws.

pgbench cannot look up a text by its number, so that a tree of conditions leads to the statement of each key. Clients
that have no operation left go through the script without sending anything.
"""

from __future__ import annotations

from typing import Iterator, Sequence

from bigdata.census.sf1 import Key
from bigdata.database import statements as sql
from bigdata.registry import Workload
from bigdata.runtimes.programs import WAIT_AT_GATE

# The keys are others than loaders draw, but the same in each run.
SEED = "--random-seed=2014"


class OperationsScript:
    """A script with one operation, which each client repeats ``turns`` times."""

    def __init__(self, drawn: Sequence[Key], clients: int, workload: Workload) -> None:
        self._keys = sorted(set(drawn))
        self._operations = len(drawn)
        self._clients = clients
        self._workload = workload
        self.turns = -(-len(drawn) // clients)

    def lines(self) -> Iterator[str]:
        """Yield its lines."""
        yield from ("\\if :client_id + :turn = 0", f"\\shell {WAIT_AT_GATE}", "\\endif")
        yield f"\\set operation :client_id + :turn * {self._clients}"
        yield "\\set turn :turn + 1"
        yield f"\\if :operation < {self._operations}"
        yield f"\\set key random(0, {len(self._keys) - 1})"
        if not self._workload.autocommit:
            yield f"{sql.BEGIN};"
        for name in self._workload.statements:
            yield from self._statement(name)
        if not self._workload.autocommit:
            yield f"{sql.COMMIT};"
        yield "\\endif"

    def _statement(self, name: str) -> Iterator[str]:
        if name == "LOCK_GEO":
            yield from self._of_keys(sql.LOCK_GEO, " \\gset", 0, len(self._keys))
            yield "\\set population :pop100 + 1"
        elif name == "UPDATE_GEO":
            yield sql.with_values(sql.UPDATE_GEO, ":population", ":id") + ";"
        elif name == "INSERT_ELEMENT":
            yield sql.with_values(sql.INSERT_ELEMENT, ":id", sql.FIRST_ITEM_ID, ":population") + ";"
        elif name == "SLEEP":
            yield sql.with_values(sql.SLEEP, sql.SLEEP_S) + ";"
        else:
            yield from self._of_keys(getattr(sql, name), ";", 0, len(self._keys))

    def _of_keys(self, statement: str, ending: str, first: int, end: int) -> Iterator[str]:
        """Yield a tree of conditions over the keys, with a statement for each."""
        if end - first == 1:
            yield sql.with_values(statement, *map(sql.literal, self._keys[first])) + ending
            return
        middle = (first + end) // 2
        yield f"\\if :key < {middle}"
        yield from self._of_keys(statement, ending, first, middle)
        yield "\\else"
        yield from self._of_keys(statement, ending, middle, end)
        yield "\\endif"
