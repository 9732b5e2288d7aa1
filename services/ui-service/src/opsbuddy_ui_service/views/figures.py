"""Figures as people read them."""

MINUTE, HOUR, DAY = 60, 3600, 86400
NONE = "\N{EN DASH}"
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def milliseconds(value: float | None) -> str:
    """Return a duration: `4 ms`, `1.2 s`."""
    if value is None:
        return NONE
    if value < 1:
        return "< 1 ms"
    return f"{value:.0f} ms" if round(value) < 1000 else f"{value / 1000:.1f} s"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Return a length of time in whole units: `40 s`, `2 min`, `3 h 20 min`, `2 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def percent(share: float | None) -> str:
    """Return a share from 0 to 1: `0.3 %`, `100 %`. Something is never shown as nothing, nor as all."""
    if share is None:
        return NONE
    if 0 < share < 0.001:  # noqa: PLR2004 - 0.1 %
        return "< 0.1 %"
    if 0.995 <= share < 1:  # noqa: PLR2004 - would round to 100 %
        return "> 99 %"
    return f"{share:.1%}".replace("%", " %") if share < 0.0995 else f"{share:.0%}".replace("%", " %")  # noqa: PLR2004


def in_words(number: int) -> str:
    """Return a small number as a word, a larger one in digits."""
    return WORDS[number] if number < len(WORDS) else str(number)


def enumeration(names: list[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def size(count: int) -> str:
    """Return an amount of bytes: `812 B`, `1.4 kB`, `34 MB`."""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:  # noqa: PLR2004 - would round to 1000
        amount, units = amount / 1000, units[1:]
    short = amount < 9.95 and units[0] != "B"  # noqa: PLR2004 - one decimal where there is one digit before it
    return f"{amount:.1f} {units[0]}" if short else f"{amount:.0f} {units[0]}"
