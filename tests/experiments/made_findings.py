"""Made-up findings of the ledger: connections as drivers leave them."""

from __future__ import annotations

from bigdata.database.statements import INSERT_ELEMENT, pyformat
from bigdata.registry import LOADERS
from experiments.validation.same_sql.conversation import Conversation
from experiments.validation.same_sql.findings import Observation, Variant, observe
from tests.experiments.validation.wire_bytes import SSL_REQUEST, bind, parse, query, start_up, typed

READY = typed(b"Z", b"I")
DONE = typed(b"C", b"INSERT 0 1\0") + READY
SYNC = typed(b"S")
EXECUTE = typed(b"E", b"\0\0\0\0\0")
INSERT_WITH_VALUES = query(pyformat(INSERT_ELEMENT) % (1, 2, 3))


def variant(name: str, loop: str | None = None, protocol: str = "simple", implementation: str | None = None) -> Variant:
    return Variant(LOADERS[name], loop, protocol, implementation)


def conversation(*sent: bytes, words: tuple[str, ...] = ("user", "u", "database", "d")) -> Conversation:
    """One that asked for encryption in vain, and had an answer to everything but its farewell."""
    made = Conversation()
    made.send(SSL_REQUEST)
    made.receive(b"N")
    made.send(start_up(*words))
    made.receive(typed(b"R", b"\0\0\0\0") + READY)
    for one in sent:
        made.send(one)
        made.receive(DONE)
    made.send(typed(b"X"))
    return made


def observation(*sent: bytes) -> Observation:
    found = observe(conversation(*sent))
    assert found is not None
    return found


def prepared(count: int) -> list[bytes]:
    """So many INSERTs of one statement that is prepared with the first."""
    run = bind("s") + EXECUTE + SYNC
    return [parse("s", INSERT_ELEMENT) + run, *[run] * (count - 1)]
