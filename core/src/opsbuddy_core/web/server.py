"""Runs a web application as a process: command line, settings, and a shutdown that fails no request."""

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import FrameType
from typing import TypeVar

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from opsbuddy_core.event_loop import Loop
from opsbuddy_core.health import Health
from opsbuddy_core.logs import get_logger
from opsbuddy_core.settings import Settings, describe, refuse
from opsbuddy_core.tracing_settings import problems
from opsbuddy_core.web.head import Limits
from opsbuddy_core.web.protocol import limited
from opsbuddy_core.web.tls import Certificate
from opsbuddy_core.web.websocket import sockets

S = TypeVar("S", bound=Settings)
KEEP_ALIVE = 75  # longer than any client of ours keeps an idle connection: it is always the client that closes it
log = get_logger("server")


class Config(uvicorn.Config):
    """uvicorn's, and the certificate where TLS is spoken."""

    certificate: Certificate | None = None


class Server(uvicorn.Server):
    """Not ready first, serve on while callers notice, then finish what is in flight and end.

    From the first on each answer closes its connection: one that is kept would be cut at the end, perhaps just when a request is being sent on it.
    """

    def __init__(self, config: Config, health: Health, drain_seconds: float) -> None:
        super().__init__(config)
        self._health, self._drain_seconds = health, drain_seconds
        self._certificate = config.certificate

    @override
    async def main_loop(self) -> None:
        following = asyncio.create_task(self._certificate.follow()) if self._certificate else None
        try:
            await super().main_loop()
        finally:
            if following:
                following.cancel()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and self.started and not self._health.draining and self._drain_seconds:
            self._health.draining = True
            asyncio.get_running_loop().call_later(self._drain_seconds, super().handle_exit, sig, None)
            return
        self._health.draining = True
        super().handle_exit(sig, frame)


def config(app: ASGIApp, health: Health, settings: Settings) -> Config:
    """Return how uvicorn serves every deployable. Raises OSError when a certificate cannot be used."""
    certificate = Certificate(*settings.certificate_files) if settings.certificate_files else None
    limits = Limits(
        settings.max_header_bytes, settings.max_header_count, settings.header_seconds, settings.max_connections
    )
    made = Config(
        app,
        host=settings.service_host,
        port=settings.service_port,
        loop=f"{Loop.__module__}:{Loop.__name__}",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=30,
        http=limited(limits, settings.reason_header, ending=lambda: health.draining),
        ws=sockets(settings.reason_header),
        ws_max_size=settings.websocket_message_bytes,
        ws_per_message_deflate=False,
        proxy_headers=False,  # the default believes everybody on loopback; only the gateway knows whom to trust
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
    )
    made.certificate = certificate
    return made


def serve(app: ASGIApp, health: Health, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; exit code 1 when the port is taken."""
    try:
        made = config(app, health, settings)
    except OSError as error:
        sys.stderr.write(
            f"The TLS certificate cannot be used: {error.strerror or error}. Give a chain and its key, both PEM.\n"
        )
        raise SystemExit(1) from error
    try:
        listener = listen(settings.service_host, settings.service_port)
    except OSError as error:
        sys.stderr.write(
            f"Cannot listen on {settings.service_host}:{settings.service_port}: {error.strerror}. "
            "End what listens there, or set another port.\n"
        )
        raise SystemExit(1) from error
    server = Server(made, health, settings.drain_seconds)
    for sig in (signal.SIGTERM, signal.SIGINT):  # before uvicorn takes them, and when it raises them anew at the end
        signal.signal(sig, server.handle_exit)
    gc.collect()
    gc.freeze()  # what is there by now stays: a full collection would look at all of it, and stop every request for a tenth of a second
    server.run(sockets=[listener])


def run(distribution: str, settings_class: type[S], build: Callable[[S], tuple[ASGIApp, Health]]) -> None:
    """Be the console script of a deployable: parse the command line, read the settings, build, serve."""
    parser = argparse.ArgumentParser(
        prog=distribution,
        description=f"{settings_class.model_fields['title'].default}. Settings come from the environment or a .env file:",
        epilog=describe(settings_class),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{distribution} {version(distribution)}")
    parser.add_argument("--check", action="store_true", help="read the settings, say whether they can be used, and end")
    arguments = parser.parse_args()
    settings = settings_class.load()
    if wrong := problems(os.environ):
        refuse(wrong)
    if arguments.check:
        sys.stdout.write("The settings can be used.\n")
        return
    app, health = build(settings)
    serve(app, health, settings)


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket that a restart does not have to wait for."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.set_inheritable(True)
    return listener
