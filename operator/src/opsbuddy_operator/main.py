"""The console script `opsbuddy-operator`."""

import argparse
import asyncio
import sys
import time
from importlib.metadata import version

import kopf

from opsbuddy_core import logs
from opsbuddy_core.event_loop import Loop
from opsbuddy_core.logs import get_logger
from opsbuddy_core.settings import describe
from opsbuddy_operator.cluster.client import connect
from opsbuddy_operator.handlers import register
from opsbuddy_operator.settings import OperatorSettings
from opsbuddy_operator.startup import Operator

MOST_FRAMES = 20_000  # the API server stores what is nested 10,000 levels deep; unread, one such resource would end the watch of all
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds
log = get_logger("operator")


def main() -> None:
    """Run until SIGTERM or SIGINT; exit code 1 when the API server cannot be reached at all, 2 for wrong settings."""
    parser = argparse.ArgumentParser(
        prog="opsbuddy-operator",
        description="OpsBuddy operator. Settings come from the environment or a .env file:",
        epilog=describe(OperatorSettings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"opsbuddy-operator {version('opsbuddy-operator')}")
    parser.add_argument("--check", action="store_true", help="read the settings, say whether they can be used, and end")
    arguments = parser.parse_args()
    settings = OperatorSettings.load()
    if arguments.check:
        sys.stdout.write("The settings can be used.\n")
        return
    logs.configure(settings.service_name, settings.effective_log_level)
    try:
        asyncio.run(_try_configuration(settings.request_seconds))
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None
    serve(settings)


def serve(settings: OperatorSettings) -> None:
    """Run until a signal comes.

    An answer that kopf does not expect, such as that the CRD was deleted, ends all of its watches. Then everything begins anew, as in a
    new container, but without a restart that somebody would have to explain.
    """
    sys.setrecursionlimit(MOST_FRAMES)
    pause = FIRST_PAUSE
    while True:
        operator, begun = _operator(settings), time.monotonic()
        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.run(run(operator))
        except Exception as error:
            if not operator.has_worked:
                raise
            pause = FIRST_PAUSE if time.monotonic() - begun > LONGEST_PAUSE else min(pause * 2, LONGEST_PAUSE)
            reason = f"{type(error).__name__} {error}"[:500]
            log.warning("The watches ended; beginning anew", operation="run", pause=pause, reason=reason)
            time.sleep(pause)
        else:
            return


def _operator(settings: OperatorSettings) -> Operator:
    try:
        return Operator(settings)
    except OSError as error:
        sys.stderr.write(
            f"Cannot listen on {settings.service_host}:{settings.service_port}: {error.strerror}. "
            "End what listens there, or set another SERVICE_PORT.\n"
        )
        raise SystemExit(1) from None


async def run(operator: Operator, stop: asyncio.Event | None = None) -> None:
    """Run an operator until a signal comes or the event is set."""
    registry = kopf.OperatorRegistry()
    register(registry)
    namespaces = operator.settings.namespaces
    await kopf.operator(
        registry=registry,
        memo=kopf.Memo(operator=operator),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )


async def _try_configuration(limit: float) -> None:
    async with connect(limit):
        return
