"""What the address of the utility page says: which configurations, and which command is prepared. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

PAGE = 50
TEXTS = ("q", "category", "tag", "cursor")
VALUE = "p."  # before the name of a parameter of the command


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed, blank where nothing was. `template` is the chosen command, `values` what its fields hold; nothing is run from an address."""

    q: str = ""
    category: str = ""
    tag: str = ""
    cursor: str = ""
    trash: bool = False
    template: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def conditions(self) -> int:
        return sum(map(bool, (self.q, self.category, self.tag)))

    def parameters(self) -> list[tuple[str, str]]:
        """Return the address of this search, without what is blank."""
        texts = [(name, getattr(self, name)) for name in (*TEXTS, "template")]
        return (
            [("trash", "true")] * self.trash
            + [(name, text) for name, text in texts if text]
            + [(VALUE + name, text) for name, text in self.values.items() if text]
        )

    def address(self, path: str = "/utility", **changes: Any) -> str:
        """Return the address of this search with some fields changed; from its beginning, unless it is the cursor that changes."""
        changed = replace(self, **{"cursor": ""} | changes).parameters()
        return f"{path}?{urlencode(changed)}" if changed else path

    def question(self) -> str:
        """Return what is asked of the utility service, as a query."""
        asked = [(name, getattr(self, name)) for name in TEXTS if getattr(self, name)]
        return urlencode([("limit", str(PAGE)), *asked] + [("trash", "true")] * self.trash)

    def refused(self, reasons: Mapping[str, str]) -> "Search":
        """Return it with what the service says is wrong."""
        return replace(self, wrong={**self.wrong, **reasons})


def read(parameters: Sequence[tuple[str, str]]) -> Search:
    """Read an address."""
    typed: dict[str, Any] = {name: text.strip() for name, text in parameters if name in (*TEXTS, "template")}
    values = {name.removeprefix(VALUE): text for name, text in parameters if name.startswith(VALUE)}
    return Search(**typed, trash=("trash", "true") in parameters, values=values)
