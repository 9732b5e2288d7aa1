"""A real OpenTelemetry Collector: takes traces by OTLP over HTTP, and says in its log what it took."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.influxdb import free_port
from tests.support.programs import BIN
from tests.support.wait import eventually

BINARY = BIN / "otelcol"
_SERVICE = re.compile(r"^ +-> service\.name: Str\((.*)\)$", re.MULTILINE)
_FIELD = re.compile(r"^    (Trace ID|Parent ID|ID|Name|Kind) +: ?(.*)$", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^     -> ([\w.]+): \w+\((.*)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Span:
    """A span as the Collector understood it. `parent` is empty where there is none; `kind` is Server or Client."""

    service: str
    kind: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]


@dataclass
class Collector:
    """One that runs."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spans(self) -> list[Span]:
        """Return all that it took so far."""
        found = []
        for resource in re.split(r"^ResourceSpans #\d+$", self.log.read_text(), flags=re.MULTILINE)[1:]:
            about, *spans = re.split(r"^Span #\d+$", resource, flags=re.MULTILINE)
            service = _SERVICE.search(about)
            for span in spans:
                fields = dict(_FIELD.findall(span))
                found.append(
                    Span(
                        service[1] if service else "",
                        fields["Kind"],
                        fields["Name"],
                        fields["Trace ID"],
                        fields["ID"],
                        fields["Parent ID"],
                        dict(_ATTRIBUTE.findall(span)),
                    )
                )
        return found


@asynccontextmanager
async def collecting(folder: Path) -> AsyncIterator[Collector]:
    """Run one in this folder."""
    if not BINARY.exists():
        raise AssertionError(f"{BINARY} is missing: make it with tests/cluster/build.sh otelcol")
    collector = Collector(free_port(), folder / "otelcol.log")
    configuration = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{collector.port}"}}}},
        "exporters": {"debug": {"verbosity": "detailed", "use_internal_logger": False}},
        "service": {
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }
    file = folder / "otelcol.yaml"
    file.write_text(json.dumps(configuration))
    with collector.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(BINARY, "--config", file, cwd=folder, stdout=log, stderr=log)

    async def ready() -> bool:
        assert process.returncode is None, collector.log.read_text()[-3000:]
        return "Everything is ready" in collector.log.read_text()

    try:
        await eventually(ready, within=30, what="the Collector is ready")
        yield collector
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)
