"""The header fields of conditional requests, as FastAPI reads and documents them."""

from typing import Annotated

from fastapi import Depends, Header

from opsbuddy_file_service.conditions import Conditions

Field = Annotated[list[str] | None, Header(description="Entity tags in double quotes, or `*`")]


def _conditions(if_match: Field = None, if_none_match: Field = None) -> Conditions:
    given = {"if-match": if_match, "if-none-match": if_none_match}
    return Conditions.of({name: ", ".join(lines) for name, lines in given.items() if lines})


Preconditions = Annotated[Conditions, Depends(_conditions)]
