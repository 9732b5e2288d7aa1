"""The keys by which services seal what nobody else may read, as they are written in settings and files."""

from cryptography.fernet import Fernet


def parse(text: str) -> list[str]:
    """Return the keys of a text, one a line or separated by commas; # begins a comment. ValueError, without the key, for what is none."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    keys = [word.strip() for line in lines for word in line.split(",") if word.strip()]
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            raise ValueError(f"key {number} is no Fernet key: 32 bytes in URL-safe base64 (44 characters)") from None
    return keys
