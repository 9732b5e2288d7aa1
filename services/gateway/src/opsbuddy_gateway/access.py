"""Puts the gateway's access control together: keys known from the start are there before the first request."""

from collections.abc import Callable
from pathlib import Path

from opsbuddy_gateway.access_settings import AccessSettings
from opsbuddy_gateway.handlers.access import Access
from opsbuddy_gateway.service.credentials import ApiKeys, Tokens
from opsbuddy_gateway.service.headers import Networks
from opsbuddy_gateway.service.keyring import Followed
from opsbuddy_gateway.service.policies import Policies
from opsbuddy_gateway.storage.secrets import FileSource, Source, UrlSource

FILE_SECONDS = 5.0  # a file costs nothing to look at


def access_control(settings: AccessSettings, trusted: Networks) -> tuple[Policies, Access, dict[str, Followed]]:
    """Return the policies, who applies them, and the sources of keys to follow, by name."""
    tokens, keys = Tokens(settings.token_policy), ApiKeys()
    if settings.jwt_secret:
        tokens.use_secret(settings.jwt_secret.get_secret_value().encode())
    if settings.api_keys:
        keys.use(settings.api_keys.get_secret_value())
    every = settings.jwks_refresh_seconds
    followed = {}
    if settings.jwt_secret_file:
        followed["jwt secret"] = _file(settings.jwt_secret_file, lambda raw: tokens.use_secret(raw.strip()), every)
    if settings.api_keys_file:
        followed["api keys"] = _file(
            settings.api_keys_file, lambda raw: keys.use(raw.decode("utf-8", "replace")), every
        )
    if settings.jwks:
        source: Source
        if settings.jwks.startswith(("http://", "https://")):
            source = UrlSource(settings.jwks, settings.jwks_timeout_seconds)
        else:
            source = FileSource(Path(settings.jwks.removeprefix("file:")))
        followed["jwks"] = Followed(
            source, tokens.use_keys, every if isinstance(source, UrlSource) else min(every, FILE_SECONDS)
        )
        tokens.wanted = followed["jwks"].want
    policies = Policies(settings.defaults)
    return policies, Access(policies, tokens, keys, trusted), followed


def _file(path: Path, take: Callable[[bytes], None], every: float) -> Followed:
    return Followed(FileSource(path), take, min(every, FILE_SECONDS))
