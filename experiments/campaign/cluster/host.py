"""The program that ssh starts on a host: one Dask worker, until its standard input is closed."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from distributed import Worker
from distributed.security import Security

RESOURCES = {"MACHINE": 1.0}

_PATIENCE = "30s"


async def serve() -> None:
    """Be a worker of the scheduler that the first line of the input names."""
    order = json.loads(sys.stdin.readline())
    tls = order["tls"]
    security = Security(
        require_encryption=True, tls_ca_file=tls["ca_file"], tls_worker_cert=tls["cert"], tls_worker_key=tls["key"]
    )
    worker = Worker(
        order["scheduler"],
        nthreads=1,
        resources=RESOURCES,
        host=order["address"],
        security=security,
        # Its pages are for this machine alone.
        dashboard_address="127.0.0.1:0",
        death_timeout=_PATIENCE,
        memory_limit=0,
        silence_logs=logging.WARNING,
    )
    async with worker:
        closed = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        await asyncio.wait([closed, asyncio.create_task(worker.finished())], return_when=asyncio.FIRST_COMPLETED)
        await worker.close()


if __name__ == "__main__":
    asyncio.run(serve())
