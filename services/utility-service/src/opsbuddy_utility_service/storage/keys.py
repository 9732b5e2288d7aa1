"""Where the keys for secrets come from: settings, a file, or a file of this service's own that is made once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from opsbuddy_core import fernet_keys
from opsbuddy_core.logs import get_logger

OWN = "secret.keys"
log = get_logger("secrets")


def load(given: SecretStr | None, file: Path | None, data_dir: Path) -> list[str]:
    """Return the keys, the one that seals first. Without any a key is made in `data_dir`; none where that cannot be written."""
    keys = fernet_keys.parse(given.get_secret_value()) if given else []
    keys += fernet_keys.parse(file.read_text()) if file else []
    if keys:
        return keys
    own = data_dir / OWN
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not own.exists():
            _write(own, [Fernet.generate_key().decode()])
        return fernet_keys.parse(own.read_text())
    except OSError as error:
        log.warning("No key for secret configurations: set SECRET_KEYS", operation="start", error=error.strerror)
        return []


@contextmanager
def added(data_dir: Path, restored: list[str]) -> Iterator[None]:
    """Have restored keys in the file of this service's own, for good unless the block fails. The first in it goes on to seal what is new."""
    own = data_dir / OWN
    there = fernet_keys.parse(own.read_text()) if own.exists() else []
    _write(own, there + [key for key in restored if key not in there])
    try:
        yield
    except BaseException:
        if there:
            _write(own, there)
        else:
            own.unlink()
        raise


def _write(path: Path, content: list[str]) -> None:
    draft = path.with_suffix(".draft")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write("".join(f"{key}\n" for key in content).encode())
        out.flush()
        os.fsync(out.fileno())
    draft.rename(path)
