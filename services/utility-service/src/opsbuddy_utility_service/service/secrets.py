"""Seals the values of secret configurations. Several keys: the first one seals, all of them open, so that keys can be changed."""

import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from opsbuddy_core.errors import ConflictError
from opsbuddy_core.exact_json import refuse


class Sealer:
    """Fernet (AES-128-CBC and HMAC-SHA256) over the value together with the id of its entry: a sealed value opens nowhere else."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    @property
    def ready(self) -> bool:
        return self._fernet is not None

    def seal(self, entry_id: str, value: str) -> str:
        """Return the sealed JSON text. Raises InvalidRequestError where no key is set."""
        if self._fernet is None:
            refuse("secret", "this service has no key for secrets; set SECRET_KEYS or SECRET_KEYS_FILE")
        return self._fernet.encrypt(json.dumps([entry_id, value]).encode()).decode()

    def open(self, entry_id: str, sealed: str) -> str:
        """Return the JSON text. Raises ConflictError when none of the keys opens it."""
        if self._fernet is None:
            raise ConflictError("This service has no key for secrets; set SECRET_KEYS or SECRET_KEYS_FILE.")
        try:
            owner, value = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise ConflictError(f"None of the keys of this service opens the secret {entry_id}.") from None
        if owner != entry_id:
            raise ConflictError(f"The sealed value of {entry_id} belongs to another entry.")
        return str(value)
