"""Closing a server of a test's own loop without leaving a connection open that it was just about to take."""

import asyncio

from aiohttp import web


async def stop_listening(server: asyncio.Server) -> None:
    """Close the server once what it has accepted is connected: Python 3.11 lets a connection that is on its way then leak."""
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening)
    for _ in range(5):  # accepted, made a transport, connected, its task begun: each is a turn of the loop
        await asyncio.sleep(0)
    server.close()


async def close(runner: web.AppRunner) -> None:
    """Stop listening and cut every connection."""
    for site in runner.sites:
        if isinstance(server := site._server, asyncio.Server):  # None where it never started
            await stop_listening(server)
    await runner.cleanup()
