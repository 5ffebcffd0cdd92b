"""Conversation of a client and its server over one connection, in exchanges, and the sum of its traffic."""

import struct
from collections import Counter, deque
from dataclasses import dataclass, field

from experiments.validation.same_sql.wire import NEGOTIATED, REQUESTS, Backend, Frontend, Message

READY_FOR_QUERY = "Z"
ENDING_AN_EXCHANGE = ("Query", "Sync", "FunctionCall")
PREPARED_AT_LEAST = 10
"""Executions per Parse of a prepared statement: psycopg prepares it for every combination of the values' types."""
AWAITED = (*ENDING_AN_EXCHANGE, "Flush", "StartupMessage", "Password", *NEGOTIATED)


@dataclass
class Exchange:
    """Messages sent up to a Query or Sync, and received up to its ReadyForQuery. The first one is the start-up."""

    sent: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    received_bytes: int = 0
    round_trips: int = 0
    """Waits of the client: after a Query or Sync, or a Flush without further messages."""
    texts: list[str] = field(default_factory=list)
    """Texts of the statements that it prepares, binds, describes, closes or runs, in order."""

    @property
    def executions(self) -> int:
        """Number of statements that it runs."""
        return self.sent.count("Query") + self.sent.count("Execute")


@dataclass
class StartUp:
    """Requests, version and parameters of the client's start-up."""

    requests: list[str] = field(default_factory=list)
    version: tuple[int, int] = (0, 0)
    parameters: dict[str, str] = field(default_factory=dict)


class Conversation:
    """Both directions of one connection."""

    def __init__(self) -> None:
        self._frontend = Frontend()
        self._backend = Backend()
        self._prepared: dict[str, str] = {}
        self._awaiting = False
        # The last one is being sent, the first one is being answered.
        self._open = deque([Exchange()])
        self._finished: list[Exchange] = []
        self.start_up = StartUp()

    def send(self, data: bytes) -> None:
        """Add bytes of the client. Raises NotUnderstood."""
        for message in self._frontend.feed(data):
            self._sent(message)

    def receive(self, data: bytes) -> None:
        """Add bytes of the server. Raises NotUnderstood."""
        for message in self._backend.feed(data):
            self._received(message)

    @property
    def starting(self) -> Exchange | None:
        """The start-up; None if it did not end."""
        return self._finished[0] if self._finished else None

    @property
    def exchanges(self) -> list[Exchange]:
        """All answered exchanges after the start-up."""
        return self._finished[1:]

    @property
    def unanswered(self) -> list[str]:
        """The client's last messages without an answer, such as Terminate."""
        return [kind for exchange in self._open for kind in exchange.sent]

    def _sent(self, message: Message) -> None:
        exchange = self._open[-1]
        exchange.sent.append(message.kind)
        exchange.sent_bytes += message.size
        self._note_start(message)
        text = self._text(message)
        if text is not None:
            exchange.texts.append(text)
        self._awaiting |= message.kind in AWAITED
        if message.kind in ENDING_AN_EXCHANGE:
            self._open.append(Exchange())

    def _received(self, message: Message) -> None:
        exchange = self._open[0]
        exchange.received.append(message.kind)
        exchange.received_bytes += message.size
        exchange.round_trips += self._awaiting
        self._awaiting = False
        if message.kind == READY_FOR_QUERY:
            self._finished.append(self._open.popleft())
            if not self._open:
                self._open.append(Exchange())

    def _note_start(self, message: Message) -> None:
        if message.kind in REQUESTS.values():
            self.start_up.requests.append(message.kind)
            self._backend.requests += message.kind in NEGOTIATED
        if message.kind == "StartupMessage":
            major, minor = struct.unpack_from("!HH", message.body)
            words = [word.decode() for word in message.body[4:].split(b"\0")]
            self.start_up.version = (major, minor)
            self.start_up.parameters = {
                name: value for name, value in zip(words[::2], words[1::2], strict=False) if name
            }

    def _text(self, message: Message) -> str | None:
        """Return the statement that the message is about, if it names one."""
        words = message.body.split(b"\0", 2)
        if message.kind == "Query":
            return _decoded(words[0])
        if message.kind == "Parse":
            self._prepared[_decoded(words[0])] = _decoded(words[1])
            return _decoded(words[1])
        if message.kind == "Bind":
            return self._prepared.get(_decoded(words[1]))
        if message.kind in ("Describe", "Close") and message.body[:1] == b"S":
            return self._prepared.get(_decoded(words[0][1:]))
        return None


@dataclass(frozen=True)
class Traffic:
    """Sum of the traffic for one statement."""

    executions: int
    sent: Counter[str]
    received: Counter[str]
    sent_bytes: int
    received_bytes: int
    round_trips: int
    usual: tuple[str, ...]
    """The messages of the most frequent exchange, as they were sent."""

    @property
    def protocol(self) -> str:
        """The protocol by its name in the registry, ``mixed``, or ``not seen`` without executions."""
        queries, parses, binds = (self.sent[kind] for kind in ("Query", "Parse", "Bind"))
        if not self.executions:
            return "not seen"
        if queries:
            return "mixed" if parses or binds else "simple"
        if parses >= binds:
            return "extended"
        return "prepared" if parses * PREPARED_AT_LEAST <= binds else "mixed"


def traffic_of(exchanges: list[Exchange]) -> Traffic:
    """Return the sum of the exchanges."""
    sent: Counter[str] = Counter()
    received: Counter[str] = Counter()
    for exchange in exchanges:
        sent.update(exchange.sent)
        received.update(exchange.received)
    usual = Counter(tuple(exchange.sent) for exchange in exchanges).most_common(1)
    return Traffic(
        executions=sum(exchange.executions for exchange in exchanges),
        sent=sent,
        received=received,
        sent_bytes=sum(exchange.sent_bytes for exchange in exchanges),
        received_bytes=sum(exchange.received_bytes for exchange in exchanges),
        round_trips=sum(exchange.round_trips for exchange in exchanges),
        usual=usual[0][0] if usual else (),
    )


def _decoded(word: bytes) -> str:
    return word.decode("utf-8", "replace")
