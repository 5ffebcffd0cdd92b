"""Registry of workloads: what one operation is, and by what the harness judges that it was done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """One workload: phase data repeats its operation. Those other than ``ingest`` find their data loaded."""

    name: str
    """As a user types it and as records hold it."""
    description: str
    statements: tuple[str, ...]
    """Names in ``bigdata.database.statements`` of what an operation sends, in order, without BEGIN and COMMIT."""
    per_record: int = 0
    """Timed operations for each geo record, up to ``COUNTED_RECORDS`` of them; more if a worker would have under 40."""
    unit: str = "operation"
    """What rates count."""
    autocommit: bool = True
    """False: an operation is a transaction that the client begins and commits."""
    changes_data: bool = False
    least_s: float = 0.0
    """Seconds that an operation takes at least."""
    answers: bool = True
    """What arrives follows from the files and the keys alone."""

    @property
    def round_trips(self) -> int:
        """Return how often an operation waits for the server, where a statement is one round trip."""
        return len(self.statements) + (0 if self.autocommit else 2)

    def operations(self, geo_records: int, poolsize: int) -> int:
        """Return the number of timed operations for so many loaded geo records and connections."""
        return min(geo_records, COUNTED_RECORDS) * max(self.per_record, 2 * poolsize // 5)


COUNTED_RECORDS = 100
USUAL_POOLSIZE = 50
"""Up to it, and for some workloads above, the number of operations does not depend on the pool size."""
CHECKED_OPERATIONS = 100
"""Operations before the timed ones, over the same loop: what arrives in them is digested."""

OPEN_LOOP_TIMES = 5
"""An open loop does its operations so many times over: in seconds, a stall of the machine is fewer than 1% of them."""

INGEST = Workload(
    name="ingest",
    description="a data record: two SELECTs and its INSERTs; counted in rows",
    statements=("SELECT_GEO_ID", "SELECT_ITEM_IDS", "INSERT_ELEMENT"),
    unit="row",
    changes_data=True,
)

LOOKUP = Workload(
    name="lookup",
    description="one geo record by its key, ten columns",
    statements=("SELECT_GEO",),
    per_record=100,
)

FETCH = Workload(
    name="fetch",
    description="all data elements of a geo record with their dictionary item: decoding",
    statements=("SELECT_ELEMENTS",),
    per_record=40,
)

TRANSACTION = Workload(
    name="transaction",
    description="a transaction: SELECT a geo record FOR UPDATE, UPDATE it, INSERT one element",
    statements=("LOCK_GEO", "UPDATE_GEO", "INSERT_ELEMENT"),
    per_record=40,
    autocommit=False,
    changes_data=True,
    answers=False,
)

WAIT = Workload(
    name="wait",
    description="one statement that takes 10 ms in the server without CPU: the slow query",
    statements=("SLEEP",),
    per_record=20,
    least_s=0.01,
)

WORKLOADS = {workload.name: workload for workload in (INGEST, LOOKUP, FETCH, TRANSACTION, WAIT)}
"""All workloads by name, the default first."""

OPERATING = {name: workload for name, workload in WORKLOADS.items() if workload is not INGEST}
"""Those whose operations are of geo records that are loaded beforehand."""
