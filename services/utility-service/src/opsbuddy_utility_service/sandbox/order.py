"""What the service asks the sandbox for, and what it hears: one JSON message each."""

import json
from dataclasses import asdict, dataclass
from typing import Any

MAX_MESSAGE = 160 * 1024  # of a packet between two processes; the kernel takes 200 KiB


@dataclass(frozen=True, slots=True)
class Order:
    """A command to run. Times are seconds, sizes bytes; `read`, `write` and `browse` are paths."""

    program: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    timeout: float
    grace: float
    address_space: int
    network: bool
    read: list[str]
    write: list[str]
    browse: list[str]

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, message: bytes) -> "Order":
        return cls(**json.loads(message))


@dataclass(frozen=True, slots=True)
class Isolation:
    """What holds a command in. `level`: landlock (with seccomp), seccomp, or rlimits; each has all of those after it."""

    level: str
    landlock: int
    seccomp: bool
    no_new_privs: bool = True
    rlimits: bool = True
    empty_environment: bool = True

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, message: bytes) -> "Isolation":
        return cls(**json.loads(message))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. `cause`: exited, timeout, stopped, lost (its keeper was killed), or not_started with the `problem`.

    `stragglers`: processes that it left behind and that were ended; `left`: those that even SIGKILL has not ended yet.
    """

    cause: str
    exit_code: int | None = None
    signal: int | None = None
    stragglers: int = 0
    left: int = 0
    problem: str = ""

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, message: bytes) -> "Ended":
        return cls(**json.loads(message))
