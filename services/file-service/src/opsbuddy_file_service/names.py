"""File names as people gave them: kept for showing, never used as a path."""

import re
import unicodedata
from urllib.parse import quote

from opsbuddy_core import bidi
from opsbuddy_core.exact_json import refuse

MAX_BYTES = 255
TURNING = re.compile(f"[{bidi.MARKS}]")


def clean_name(name: str, field: str) -> str:
    """Return the last part of the name in composed form, or raise InvalidRequestError that names `field`."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]  # some senders give a whole path
    if any("\ud800" <= letter <= "\udfff" for letter in last):
        refuse(field, "its name is not UTF-8")
    clean = unicodedata.normalize("NFC", last)
    if fault := unprintable(clean):
        refuse(field, f"its name has {fault}")
    if clean.strip() in {".", ".."} or not any(map(_is_seen, clean)):
        refuse(field, "its name is empty")
    if len(clean.encode()) > MAX_BYTES:
        refuse(field, f"its name has more than {MAX_BYTES} bytes")
    return clean


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and not letter.isspace()


def unprintable(text: str) -> str | None:
    """Say what a text has that no line of text should have, or None."""
    if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in text):
        return "control characters"
    if TURNING.search(text):
        return "characters that turn the direction of text"
    return None


def attachment(name: str) -> str:
    """Return the Content-Disposition that saves under this name (RFC 6266), with an ASCII name for old clients."""
    letters = (letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%/' else "_" for letter in letters)
    return f"attachment; filename=\"{plain.strip() or 'file'}\"; filename*=UTF-8''{quote(name, safe='')}"
