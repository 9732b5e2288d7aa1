"""What the standard OTEL_* variables say of traces, and what of it cannot be used. The SDK would log such a value, a secret too, and go on."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

OF_TRACES = ("OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_")
COUNTS = (
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
)
RATIOS = frozenset({"traceidratio", "parentbased_traceidratio"})
SAMPLERS = RATIOS | {"always_on", "always_off", "parentbased_always_on", "parentbased_always_off"}
QUEUE, BATCH = 2048, 512  # the standard's defaults
_HEADERS = re.compile(r"\s*[^\s=,]+\s*=[^,]*(,\s*([^\s=,]+\s*=[^,]*)?)*")


def of_traces(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the variable that counts for traces, and its value: the one for traces alone comes before the one for all signals."""
    for prefix in OF_TRACES:
        if value := environment.get(prefix + name):
            return prefix + name, value
    return OF_TRACES[1] + name, ""


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether traces are to be sent."""
    return (
        environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() != "none"
        and bool(of_traces(environment, "ENDPOINT")[1])
    )


def problems(environment: Mapping[str, str]) -> list[str]:
    """Return what cannot be used of the variables, a line each; no value that may be a secret is in it."""
    return list(_problems(environment)) if wanted(environment) else []


def _problems(environment: Mapping[str, str]) -> Iterator[str]:
    name, endpoint = of_traces(environment, "ENDPOINT")
    address = urlsplit(endpoint)
    if address.scheme not in ("http", "https") or not address.hostname:
        yield f"{name}: expected the address of an OTLP receiver, http://host:4318"
    elif address.username or address.password:
        yield f"{name}: a user or password does not belong into it; use OTEL_EXPORTER_OTLP_HEADERS"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter not in ("", "otlp"):
        yield "OTEL_TRACES_EXPORTER: expected otlp or none"
    name, protocol = of_traces(environment, "PROTOCOL")
    if protocol not in ("", "http/protobuf"):
        yield f"{name}: expected http/protobuf, which most receivers take on port 4318"
    name, headers = of_traces(environment, "HEADERS")
    if headers and not _HEADERS.fullmatch(headers):
        yield f"{name}: expected name=value, with commas between several"
    name, compression = of_traces(environment, "COMPRESSION")
    if compression not in ("", "none", "gzip", "deflate"):
        yield f"{name}: expected gzip, deflate or none"
    yield from _wrong_numbers(environment)


def _wrong_numbers(environment: Mapping[str, str]) -> Iterator[str]:
    wrong = [
        name for name in COUNTS if not re.fullmatch(r"0*[1-9][0-9]{0,8}", environment.get(name, "1").strip() or "1")
    ]
    yield from (f"{name}: expected a whole number over 0" for name in wrong)
    if not wrong and number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH) > number(
        environment, "OTEL_BSP_MAX_QUEUE_SIZE", QUEUE
    ):
        yield "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: expected no more than OTEL_BSP_MAX_QUEUE_SIZE"
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if sampler and sampler not in SAMPLERS:
        yield f"OTEL_TRACES_SAMPLER: expected one of {', '.join(sorted(SAMPLERS))}"
    share = environment.get("OTEL_TRACES_SAMPLER_ARG", "")
    if sampler in RATIOS and share and not re.fullmatch(r"0|1|0?\.[0-9]+|1\.0+|0\.", share.strip()):
        yield "OTEL_TRACES_SAMPLER_ARG: expected a share between 0 and 1"


def number(environment: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number that was checked."""
    return int(environment.get(name, "").strip() or default)
