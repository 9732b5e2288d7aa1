"""The vendored files are those that the table names; colours can be told from their ground."""

import hashlib
import itertools
import re

import pytest

from opsbuddy_ui_service.rendering.assets import STATIC

GROUNDS = ("ground", "surface", "sunken")
STATES = ("ok", "warn", "bad", "stale")


def test_vendored_files_are_those_of_the_table() -> None:
    rows = re.findall(
        r"^\| (\S+) \| \S+ \| [\d.]+ \| \S+ \| ([0-9a-f]{64}) \|$", (STATIC / "README.md").read_text(), re.MULTILINE
    )
    vendored = [*STATIC.glob("fonts/*.woff2"), *STATIC.glob("vendor/*.js"), *STATIC.glob("vendor/*.css")]
    assert {name for name, _ in rows} == {path.relative_to(STATIC).as_posix() for path in vendored}
    for name, digest in rows:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name


def test_fonts_come_from_here() -> None:
    addresses = re.findall(r"url\(\"?([^)\"]+)", "".join(path.read_text() for path in STATIC.glob("*.css")))
    assert addresses
    assert all((STATIC / address).is_file() for address in addresses), addresses


def colours(theme: int) -> dict[str, str]:
    """Return name to colour; theme 0 is the day, 1 the night."""
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (STATIC / "tokens.css").read_text())
    return {name: pair[theme] for name, *pair in found}


def contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("theme", "least"), [(0, 4.6), (1, 5.8)], ids=["day", "night"])
@pytest.mark.parametrize(("text", "ground"), list(itertools.product(("ink", "ink-soft", "accent", *STATES), GROUNDS)))
def test_text_can_be_read_on_every_ground(theme: int, least: float, text: str, ground: str) -> None:
    tokens = colours(theme)
    assert contrast(tokens[text], tokens[ground]) >= least


@pytest.mark.parametrize("theme", [0, 1], ids=["day", "night"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_borders_of_controls_can_be_seen(theme: int, ground: str) -> None:
    tokens = colours(theme)
    assert contrast(tokens["line-strong"], tokens[ground]) >= 3.2


@pytest.mark.parametrize("theme", [0, 1], ids=["day", "night"])
def test_a_state_can_be_read_on_its_own_ground(theme: int) -> None:
    tokens = colours(theme)
    assert min(contrast(tokens[state], tokens[f"{state}-ground"]) for state in STATES) >= 4.5


def test_own_styles_use_the_colours_of_the_tokens_alone() -> None:
    own = [path for path in STATIC.rglob("*.css") if path.name != "tokens.css" and path.parent.name != "vendor"]
    styles = "".join(path.read_text() for path in own)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s,)])|rgba?\(|hsla?\(", re.sub(r"#here\b", "", styles))
