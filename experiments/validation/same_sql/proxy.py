"""A relay on the loopback interface that listens in between a loader and its server: to count, never to measure."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from experiments.errors import Failure
from experiments.validation.same_sql.conversation import Conversation
from experiments.validation.same_sql.wire import NotUnderstood

HOST = "127.0.0.1"
READ_BYTES = 65536
PATIENCE_S = 10.0


class Relay:
    """Accepts connections while it is entered, each of which it makes to the server, too.

    It runs on an event loop in a thread of its own, so that whoever enters it can wait for the loader.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._at_work: set[asyncio.Task[None]] = set()
        self._trouble: list[str] = []
        self._conversations: list[Conversation] = []
        self._listening: asyncio.Server | None = None
        self.port = 0
        """Where it listens."""

    def __enter__(self) -> Relay:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE_S)
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
        """The connections that were begun, those to cancel a statement left out. To be asked after leaving.

        Raises Failure where something went over the wire that cannot be read.
        """
        if self._trouble:
            raise Failure(f"the relay between loader and server: {self._trouble[0]}")
        return [one for one in self._conversations if one.start_up.version != (0, 0)]

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._accept, HOST, 0)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _finish(self) -> None:
        """What has been sent is passed on, as the loader has ended; a connection that stays open is broken off."""
        if self._listening is not None:
            self._listening.close()
        if self._at_work:
            _, late = await asyncio.wait(self._at_work, timeout=PATIENCE_S)
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
                self._trouble.append(f"the server does not accept a connection: {error.strerror}")
                return
            with contextlib.closing(to_server):
                await asyncio.gather(
                    self._pass_on(reader, to_server, conversation.send),
                    self._pass_on(from_server, writer, conversation.receive),
                )

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[bytes], None]
    ) -> None:
        """Noted before it is passed on, so that an answer is never noted before its question."""
        try:
            while data := await reader.read(READ_BYTES):
                note(data)
                writer.write(data)
                await writer.drain()
        except NotUnderstood as reason:
            self._trouble.append(str(reason))
        except OSError:
            # Either side may leave without a word; what it said until then has been noted.
            pass
        with contextlib.suppress(OSError):
            writer.close()
