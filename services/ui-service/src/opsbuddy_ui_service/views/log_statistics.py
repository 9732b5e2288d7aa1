"""What the page of the logs shows of the last 24 hours and of each service, made of the analytics service's numbers. No I/O, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opsbuddy_ui_service.models.status import Tone
from opsbuddy_ui_service.searches.logs import Search
from opsbuddy_ui_service.views.figures import percent

# an error rate is rising when it is so many times as high, by half a point, with so many errors
RISE, STEP, LEAST = 1.5, 0.005, 3


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """One service: its last hour, beside the last 24. `trend` in words, `tone` where it is worse than it was."""

    name: str
    lines: str
    per_minute: str
    errors: str
    share: str
    day_lines: str
    day_share: str
    trend: str
    tone: Tone | None
    address: str


@dataclass(frozen=True, slots=True)
class Hour:
    """Sixty minutes; `share` of errors in per cent, None without a line."""

    start: str
    clock: str
    errors: int
    others: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 hours."""

    start: str
    end: str
    total: str
    errors: int
    share: str
    trend: str
    tone: Tone | None
    levels: tuple[tuple[str, str, str], ...]
    hours: tuple[Hour, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Each service's last hour beside its day, and what the analytics service took in since it runs."""

    services: tuple[ServiceFigures, ...]
    minutes: int
    stored: str
    duplicates: str
    rejected: str


def day(stats: Mapping[str, Any]) -> Day:
    """Return the statistics of 24 hours; the newest hour is compared with those before it."""
    hourly = stats["hourly"]
    newest, before = hourly[-1], hourly[:-1]
    trend, tone = compared(newest["errors"], newest["total"], _sum(before, "errors"), _sum(before, "total"))
    return Day(
        start=stats["start"],
        end=stats["end"],
        total=f"{stats['total']:,}",
        errors=stats["errors"],
        share=percent(stats["error_rate"] if stats["total"] else None),
        trend=trend,
        tone=tone,
        levels=tuple(
            (level, f"{count:,}", Search(level=level, start="-24h").address())
            for level, count in reversed(stats["by_level"].items())
            if count
        ),
        hours=tuple(
            Hour(
                start=hour["start"],
                clock=hour["start"][11:16],
                errors=hour["errors"],
                others=hour["total"] - hour["errors"],
                share=round(hour["error_rate"] * 100, 2) if hour["total"] else None,
            )
            for hour in hourly
        ),
    )


def figures(metrics: Mapping[str, Any], stats: Mapping[str, Any]) -> Figures:
    """Return the table of the services: those that logged within the day, the most errors first."""
    hour = {each["service"]: each for each in metrics["services"]}
    of_day = {each["service"]: each for each in stats["services"]}
    silent = {"total": 0, "errors": 0, "error_rate": 0.0, "per_minute": 0.0}
    rows = [
        _figures(name, hour.get(name, silent), of_day.get(name, silent))
        for name in sorted(
            {*hour, *of_day},
            key=lambda name: (-hour.get(name, silent)["errors"], -hour.get(name, silent)["total"], name),
        )
    ]
    taken = metrics["ingestion"]
    return Figures(
        services=tuple(rows),
        minutes=metrics["window_minutes"],
        stored=f"{taken['stored']:,}",
        duplicates=f"{taken['duplicates']:,}",
        rejected=f"{taken['rejected']:,}",
    )


def _figures(name: str, hour: Mapping[str, Any], of_day: Mapping[str, Any]) -> ServiceFigures:
    trend, tone = compared(
        hour["errors"], hour["total"], of_day["errors"] - hour["errors"], of_day["total"] - hour["total"]
    )
    return ServiceFigures(
        name=name,
        lines=f"{hour['total']:,}",
        per_minute=f"{hour['per_minute']:.1f}",
        errors=f"{hour['errors']:,}",
        share=percent(hour["error_rate"] if hour["total"] else None),
        day_lines=f"{of_day['total']:,}",
        day_share=percent(of_day["error_rate"] if of_day["total"] else None),
        trend=trend,
        tone=tone,
        address=Search(service=name).address(),
    )


def compared(errors: int, total: int, errors_before: int, total_before: int) -> tuple[str, Tone | None]:
    """Return in a word how the share of errors of the last hour compares with the hours before, and a tone where it is worse."""
    if total <= 0:
        return "no lines", None
    share = errors / total
    if total_before <= 0:
        return ("new", "warn") if errors >= LEAST else ("new", None)
    before = max(0, errors_before) / total_before
    if errors >= LEAST and share - before >= STEP and share >= RISE * before:
        return "rising", "warn"
    if before - share >= STEP and before >= RISE * share:
        return "falling", None
    return "steady", None


def _sum(hours: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(hour[name] for hour in hours)
