"""Start and end of the process, and what kopf must not do."""

import logging
from collections.abc import Iterator
from typing import Any

import kopf
from kopf._cogs.clients import watching
from kopf._core.reactor import running
from typing_extensions import override

from opsbuddy_operator.cluster.kinds import WATCHED
from opsbuddy_operator.settings import OperatorSettings
from opsbuddy_operator.startup import Operator


def register(registry: kopf.OperatorRegistry) -> None:
    """Register what happens at the start and at the end."""
    kopf.on.startup(registry=registry, errors=kopf.ErrorsMode.PERMANENT)(start)
    kopf.on.cleanup(registry=registry)(stop)


async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Set kopf up, and start the operator; `kopf run` brings none, so it is made here."""
    configure(settings)
    if "operator" not in memo:
        memo.operator = Operator(OperatorSettings.load())
    await memo.operator.start()


async def stop(memo: kopf.Memo, **_: Any) -> None:
    """End the work in flight and let go of the Lease."""
    if "operator" in memo:
        await memo.operator.stop()


def configure(settings: kopf.OperatorSettings) -> None:
    """Make kopf a mere watch engine that never gives up."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger(running.__name__).setLevel(logging.INFO)  # which signal ended it
    logging.getLogger(watching.__name__).addFilter(call_what_is_tried_again_a_warning)
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True  # neither CRDs nor namespaces are listed: no rights at cluster scope are needed
    settings.queueing.worker_limit = (
        None  # a limit below the number of objects would keep the index from ever being complete
    )
    settings.networking.connect_timeout = 5
    settings.networking.request_timeout = 60  # the first list of a big cluster takes its time
    settings.networking.error_backoffs = Endless()
    settings.watching.connect_timeout = 5
    settings.watching.inactivity_timeout = 70  # bookmarks come every minute
    settings.watching.chunk_size = 500
    settings.process.ultimate_exiting_timeout = 30
    settings.persistence.diffbase_storage = Nothing()
    for kind in WATCHED:
        if kind.selector:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector


def call_what_is_tried_again_a_warning(record: logging.LogRecord) -> bool:
    """An API server that restarts, or a namespace whose rights went with it, is no error of ours; kopf's watches come to terms with it."""
    if record.levelno == logging.ERROR and "will retry" in record.getMessage():
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True


class Endless:
    """Pauses between attempts: an API server that is away for long must not end the operator."""

    def __iter__(self) -> Iterator[float]:
        pause = 0.5
        while True:
            yield pause
            pause = min(pause * 2, 30.0)


class Nothing(kopf.DiffBaseStorage):
    """Stores no last state of a resource: nothing here asks for it, and working it out costs time for every event."""

    @override
    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    @override
    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    @override
    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        return None
