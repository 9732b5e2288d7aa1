"""Templates of commands, as their YAML files say them. Times are seconds, sizes bytes."""

import re
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator
from pydantic_core import SchemaError

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
IDENTIFIER = r"^[a-z][a-z0-9_-]{0,63}$"
MAX_TIMEOUT = 3600
Role = Annotated[str, Field(pattern=r"^[\x21-\x2b\x2d-\x7e]{1,256}$")]  # as the gateway passes them on
AbsolutePath = Annotated[str, Field(pattern=r"^/", max_length=512)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Parameter(_Strict):
    description: str = Field("", max_length=500, description="What it means, for people")
    default: str | int | None = Field(None, description="Taken where none is given; without it a value is needed")
    secret: bool = Field(default=False, description="Shown neither in answers nor in the audit")


class EnumParameter(_Parameter):
    """One of the listed values."""

    type: Literal["enum"]
    values: list[str] = Field(min_length=1, max_length=200)


class IntParameter(_Parameter):
    """A whole number."""

    type: Literal["int"]
    min: int = 0
    max: int = 2**31 - 1


@cache
def _matcher(pattern: str) -> TypeAdapter[str]:
    """Return what matches whole texts in a time that grows with their length alone: Python's own engine could be held up for ever by what a caller sends."""
    return TypeAdapter(Annotated[str, StringConstraints(pattern=rf"\A(?:{pattern})\z")])


class RegexParameter(_Parameter):
    """Text that a regular expression, without look-around and back references, matches as a whole; it does not begin with a dash unless `allow_dash`."""

    type: Literal["regex"]
    pattern: str = Field(max_length=500)
    max_length: int = Field(256, ge=1, le=4096)
    allow_dash: bool = False

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        try:
            _matcher(self.pattern)
        except SchemaError as error:
            reason = str(error).splitlines()[-1].partition("rror: ")[2]
            raise ValueError(f"pattern is no regular expression that is taken here: {reason}") from error
        return self

    def matches(self, value: str) -> bool:
        """Say whether the pattern matches all of the value."""
        try:
            _matcher(self.pattern).validate_python(value)
        except ValidationError:
            return False
        return True


class PathParameter(_Parameter):
    """An absolute path below one of the folders, also after symbolic links are followed. The command may read there."""

    type: Literal["path"]
    under: list[AbsolutePath] = Field(min_length=1, max_length=20)


class HostParameter(_Parameter):
    """A host name or an address."""

    type: Literal["host"]


class PortParameter(_Parameter):
    """A port from 1 to 65535."""

    type: Literal["port"]


class NameParameter(_Parameter):
    """A name of letters, digits and `_.:-` that does not begin with a dash."""

    type: Literal["name"]


Parameter = Annotated[
    EnumParameter | IntParameter | RegexParameter | PathParameter | HostParameter | PortParameter | NameParameter,
    Field(discriminator="type"),
]


class Template(_Strict):
    """A command that may be run: its words, some of which callers choose within bounds."""

    id: str = Field(pattern=IDENTIFIER)
    title: str = Field("", max_length=200)
    description: str = Field("", max_length=2000)
    category: str = Field("other", max_length=64)
    argv: list[str] = Field(
        min_length=1, max_length=64, description="The program and its arguments; `{name}` is a parameter"
    )
    params: dict[str, Parameter] = Field(default_factory=dict, max_length=32)
    roles: list[Role] = Field(default_factory=list, max_length=50, description="Who may run it: one of them is enough")
    timeout: float = Field(30, gt=0, le=MAX_TIMEOUT, description="Longest time that it may run")
    grace: float = Field(1, ge=0, le=30, description="Time between SIGTERM and SIGKILL")
    max_output: int = Field(
        64 * 1024, ge=1024, le=4 * 1024 * 1024, description="Size of the output that is kept, as JSON text"
    )
    max_written: int = Field(512 * 1024, ge=1024, description="A command that writes more than this is ended")
    address_space: int = Field(4 * 1024**3, ge=64 * 1024**2, description="Limit of its address space")
    network: bool = Field(default=False, description="Whether it may open network sockets")
    read: list[AbsolutePath] = Field(
        default_factory=list, max_length=50, description="What it may read and run besides the system's programs"
    )
    write: list[AbsolutePath] = Field(
        default_factory=list, max_length=20, description="What it may change; nothing without it"
    )
    browse: list[AbsolutePath] = Field(
        default_factory=list, max_length=20, description="Folders, with those below, that it may list"
    )
    env: dict[str, str] = Field(
        default_factory=dict, max_length=32, description="Its environment, besides PATH and LANG"
    )
    cwd: AbsolutePath | None = Field(
        None, description="Where it runs: without it the folder of the template's file, / for built-in ones"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        used = {name for word in self.argv for name in PLACEHOLDER.findall(word)}
        if PLACEHOLDER.search(self.argv[0]) or not self.argv[0]:
            raise ValueError("argv: its first word is the program, which is no parameter")
        if unknown := sorted(used - self.params.keys()):
            raise ValueError(f"argv: no parameter is named {', '.join(unknown)}; describe it under params")
        if unused := sorted(self.params.keys() - used):
            raise ValueError(f"params: {', '.join(unused)} is not in argv")
        if any("\0" in word for word in [*self.argv, *self.env, *self.env.values()]):
            raise ValueError("a NUL character is no part of a word")
        return self


class TemplateFile(_Strict):
    """A file of templates."""

    commands: list[Template] = Field(max_length=1000)
