"""Recording proxy on the loopback interface between a loader and its server: to count, never to measure."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from experiments.errors import Failure
from experiments.validation.same_sql.conversation import Conversation
from experiments.validation.same_sql.wire import NotUnderstood

HOST = "127.0.0.1"
READ_BYTES = 65536
TIMEOUT_S = 10.0


class Proxy:
    """Proxy that forwards connections while it is entered; its event loop has a thread, so that the caller can wait."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._at_work: set[asyncio.Task[None]] = set()
        self._failures: list[str] = []
        self._conversations: list[Conversation] = []
        self._listening: asyncio.Server | None = None
        self.port = 0
        """The port that it listens on."""

    def __enter__(self) -> "Proxy":
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(TIMEOUT_S)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        finally:
            self._stop()

    def conversations(self) -> list[Conversation]:
        """Return the connections, without those that cancel a statement. Raises Failure for unreadable traffic."""
        if self._failures:
            raise Failure(f"the proxy between loader and server: {self._failures[0]}")
        return [one for one in self._conversations if one.start_up.version != (0, 0)]

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _finish(self) -> None:
        """Forward what has been sent, as the loader has ended; then break off connections that stay open."""
        if self._listening is not None:
            self._listening.close()
        if self._at_work:
            _, late = await asyncio.wait(self._at_work, timeout=TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        conversation = Conversation()
        self._conversations.append(conversation)
        with contextlib.closing(writer):
            try:
                from_server, to_server = await asyncio.open_connection(HOST, self._server_port)
            except OSError as error:
                self._failures.append(f"the server does not accept a connection: {error.strerror}")
                return
            with contextlib.closing(to_server):
                await asyncio.gather(
                    self._forward(reader, to_server, conversation.send),
                    self._forward(from_server, writer, conversation.receive),
                )

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[bytes], None]
    ) -> None:
        """Record bytes before forwarding them, so that no answer is recorded before its question."""
        try:
            while data := await reader.read(READ_BYTES):
                note(data)
                writer.write(data)
                await writer.drain()
        except NotUnderstood as reason:
            self._failures.append(str(reason))
        except OSError:
            # Either side may disconnect at any time.
            pass
        with contextlib.suppress(OSError):
            writer.close()
