"""What the pages for alerts tell people to type at night: commands in blocks, also of lists, and in the middle of a sentence."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "runbooks"
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:kubectl|curl|helm) [^`]+)`")
WORD = re.compile(r"`([^`\s]+)`")
SOURCES = ("core/src", "services", "operator/src", "charts", "manifests/samples")


@dataclass(frozen=True)
class Step:
    """One program with its arguments; what a pipe hands on is a step of its own."""

    page: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return self.words[0]

    def value(self, *names: str) -> str | None:
        """Return what stands after one of these options."""
        for at, word in enumerate(self.words[:-1]):
            if word in names:
                return self.words[at + 1]
        return None


def steps() -> Iterator[Step]:
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text()
        blocks = [line for block in BLOCK.findall(text) for line in block.splitlines()]
        for line in (*blocks, *INLINE.findall(BLOCK.sub("", text))):
            for part in re.split(r"\s\|\s", re.sub(r"\s+&$", "", line.strip())):
                if words := tuple(shlex.split(part, comments=True)):
                    yield Step(page.stem, words)


def names() -> Iterator[tuple[str, str]]:
    """Yield page and word of all that a page calls by the name that it has in a program, a setting or a chart."""
    for page in sorted(PAGES.glob("*.md")):
        for word in WORD.findall(BLOCK.sub("", page.read_text())):
            yield page.stem, word


def sources() -> str:
    """Return the text of all that runs."""
    kinds = {".py", ".yaml", ".tpl", ".json", ".html"}
    files = (path for top in SOURCES for path in (ROOT / top).rglob("*") if path.suffix in kinds)
    return "\n".join(path.read_text() for path in files)
