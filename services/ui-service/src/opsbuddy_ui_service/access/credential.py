"""What a person gives to be let in: an API key, or a token. Whether it holds, the gateway alone knows. No I/O, no clock."""

import re
from dataclasses import dataclass, field
from typing import Literal

import jwt

Kind = Literal["APIKey", "JWT"]
LONGEST = 16 * 1024
PRINTABLE = re.compile(r"[!-~]+")  # what a header can carry in one word
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")  # a JSON object, a JSON object, a signature, each in base64
MOST_NAME = 256


class UnreadableCredentialError(ValueError):
    """What was given is neither; the message says why, without any of it."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What goes to the gateway, as a header. `who`: the subject of a token, nobody knows that of a key; `ends`: when a token does, in seconds since 1970."""

    kind: Kind
    text: str = field(repr=False)
    who: str = ""
    ends: float | None = None

    @property
    def header(self) -> tuple[str, str]:
        """Name and value of the header by which the gateway takes it."""
        return ("authorization", f"Bearer {self.text}") if self.kind == "JWT" else ("x-api-key", self.text)


def read(pasted: str) -> Credential:
    """Return what was pasted, with the word before a token and the line end after it or without. Raises UnreadableCredentialError."""
    text = re.sub(r"^bearer\s+", "", pasted.strip(), flags=re.IGNORECASE)
    if not text:
        raise UnreadableCredentialError("Paste an API key or a token.")
    if len(text) > LONGEST:
        raise UnreadableCredentialError(f"This has {len(text):,} characters; a key or token has {LONGEST:,} at most.")
    if not PRINTABLE.fullmatch(text):
        raise UnreadableCredentialError("This is more than one word; paste the key or token alone.")
    if not TOKEN.fullmatch(text):
        return Credential("APIKey", text)
    claims = _claims(text)
    who, ends = claims.get("sub"), claims.get("exp")
    return Credential(
        "JWT",
        text,
        who[:MOST_NAME] if isinstance(who, str) else "",
        float(ends) if isinstance(ends, int | float) and not isinstance(ends, bool) else None,
    )


def _claims(token: str) -> dict[str, object]:
    """Return what a token says of itself: to be shown once the gateway has found that it holds, and never to be believed before."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return {}
