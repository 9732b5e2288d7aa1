"""Asks an address without pause from inside the cluster, and says each half second on one line what came of it all.

Runs in a pod, with the Python and aiohttp of the operator's image: `python -c <this file> '{"base": ..., "requests": [["GET", "/path", null]], ...}'`.
A form gets a fresh `name` each time.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from uuid import uuid4

import aiohttp

BAD = 500  # from here on it is told when and why


async def ask(session: aiohttp.ClientSession, order: dict, seen: Counter) -> None:
    while True:
        for method, path, form in order["requests"]:
            content = {"data": form | {"name": uuid4().hex}} if form else {}
            try:
                async with session.request(method, path, **content) as answer:
                    body = await answer.text()
                    outcome = f"{answer.status}" if answer.status < BAD else f"{answer.status} {time.time():.3f} {body}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                outcome = f"{type(error).__name__} {time.time():.3f} {error}"
            seen[f"{method} {path} {outcome}"] += 1
            await asyncio.sleep(order["pause"])


async def reached(session: aiohttp.ClientSession) -> None:
    """Wait for an answer, whatever it is: a new Service's address works on a node some moments after its pods are ready."""
    while True:
        try:
            async with session.get("/"):
                return
        except (aiohttp.ClientError, TimeoutError, OSError):
            await asyncio.sleep(0.1)


async def main() -> None:
    order, seen = json.loads(sys.argv[1]), Counter()
    connections = aiohttp.TCPConnector(force_close=not order["keep_alive"])
    async with aiohttp.ClientSession(
        order["base"], connector=connections, timeout=aiohttp.ClientTimeout(total=15)
    ) as session:
        await reached(session)
        workers = [asyncio.create_task(ask(session, order, seen)) for _ in range(order["workers"])]
        while not any(worker.done() for worker in workers):
            print(json.dumps(seen), flush=True)  # noqa: T201 - how a pod is read
            await asyncio.sleep(0.5)
        await asyncio.gather(*workers)


if __name__ == "__main__":
    asyncio.run(main())
