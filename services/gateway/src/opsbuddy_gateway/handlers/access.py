"""Who may ask, how often, and from which pages: looked at before a service is chosen and before anything of a body is read."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import Message, Scope, Send

from opsbuddy_core.errors import (
    ForbiddenError,
    OpsBuddyError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)
from opsbuddy_core.logs import Line
from opsbuddy_core.web.cycle import AT_ONCE
from opsbuddy_gateway.handlers.exchange import Exchange, account, hop
from opsbuddy_gateway.handlers.gate import REFUSAL
from opsbuddy_gateway.models import Reason
from opsbuddy_gateway.service.cors import OURS, Cors
from opsbuddy_gateway.service.credentials import ApiKeys, Identity, InvalidCredentialError, NoKeysError, Tokens
from opsbuddy_gateway.service.headers import IDENTITY, Header, Networks, by_name, client_address
from opsbuddy_gateway.service.policies import Credential, Policies, Policy
from opsbuddy_gateway.service.ratelimit import RateLimit, client_of
from opsbuddy_gateway.service.routing import Route

line = Line("proxy", "Preflight answered", operation="proxy")
SUBJECT, ROLES, METHOD = b"x-opsbuddy-subject", b"x-opsbuddy-roles", b"x-opsbuddy-auth-method"
RATE_FIELDS = frozenset({b"ratelimit", b"ratelimit-policy"})
STARTS = frozenset({"http.response.start", "websocket.http.response.start", AT_ONCE})
CHALLENGES: dict[Credential, bytes] = {"JWT": b'Bearer realm="opsbuddy"', "APIKey": b'ApiKey realm="opsbuddy"'}
NAMES: dict[Credential, str] = {"JWT": "Authorization: Bearer with a JWT", "APIKey": "X-API-Key"}


class Access:
    """Decides once for each request; the answer, whoever gives it, carries what the caller has to know."""

    def __init__(
        self,
        policies: Policies,
        tokens: Tokens,
        keys: ApiKeys,
        trusted: Networks,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policies, self._tokens, self._keys, self._trusted, self._clock = policies, tokens, keys, trusted, clock

    def passed(self, scope: Scope, send: Send, route: Route) -> tuple[Scope, Send]:
        """Return what the data path works on: without identities that a client made up, with the one that was found, or with a refusal."""
        headers = scope["headers"]
        if not IDENTITY.isdisjoint(dict(headers)):
            headers = [header for header in headers if header[0] not in IDENTITY]
            scope = {**scope, "headers": headers}
        policy = self._policies.of(route)
        if not policy.asks:
            return scope, send
        given = by_name(headers)
        answer: list[Header] = [] if policy.cors is None else policy.cors.answer(given)
        try:
            identity = self._admitted(scope, given, policy, answer)
        except OpsBuddyError as error:
            return {**scope, REFUSAL: error}, _telling(send, answer, policy)
        if identity:
            scope = {**scope, "headers": _identified(headers, identity)}
        return scope, _telling(send, answer, policy)

    def preflight(self, scope: Scope, route: Route) -> Cors | None:
        """Return who answers a browser's question before its request; None where an OPTIONS is no such question."""
        cors = self._policies.of(route).cors
        names = {name for name, _ in scope["headers"]}
        return cors if cors and {b"origin", b"access-control-request-method"} <= names else None

    def _admitted(
        self, scope: Scope, given: Mapping[bytes, bytes], policy: Policy, answer: list[Header]
    ) -> Identity | None:
        """Return who asks. Whom nobody knows counts by address, so that guessing keys is limited too."""
        if scope["type"] == "websocket" and policy.cors and not policy.cors.admits(given):
            raise ForbiddenError("Pages of this origin may open no WebSocket here.", reason=Reason.FORBIDDEN)
        by_token = policy.limit_by_token
        address = self._address(scope, given) if policy.limit else ""
        if policy.limit and not by_token:
            self._take(policy.limit, address, answer)
        try:
            identity = self._identity(scope, given, policy, answer)
        except OpsBuddyError:
            if policy.limit and by_token:
                self._take(policy.limit, address, answer)
            raise
        if policy.limit and by_token:
            self._take(policy.limit, f"{identity.method}:{identity.subject}" if identity else address, answer)
        if identity and policy.accepted and policy.roles and not policy.roles & identity.roles:
            missing = " or ".join(sorted(policy.roles))
            raise ForbiddenError(
                f"{identity.subject} lacks the role {missing}.", reason=Reason.FORBIDDEN, roles=sorted(policy.roles)
            )
        return identity

    def _take(self, limit: RateLimit, client: str, answer: list[Header]) -> None:
        verdict = limit.take(client, self._clock())
        answer.append((b"ratelimit-policy", limit.policy.encode()))
        rest = f'"client";r={verdict.remaining};t={math.ceil(verdict.full_after)}'
        answer.append((b"ratelimit", rest.encode()))
        if not verdict.allowed:
            seconds = math.ceil(verdict.retry_after)
            raise TooManyRequestsError(
                f"One client may not ask that often here; ask again in {seconds} s.",
                retry_after=verdict.retry_after,
                reason=Reason.RATE_LIMITED,
            )

    def _address(self, scope: Scope, given: Mapping[bytes, bytes]) -> str:
        peer = scope["client"][0] if scope.get("client") else "unknown"
        return client_of(client_address(peer, given.get(b"x-forwarded-for"), self._trusted))

    def _identity(
        self, scope: Scope, given: Mapping[bytes, bytes], policy: Policy, answer: list[Header]
    ) -> Identity | None:
        if not policy.accepted:
            return self._volunteered(given) if policy.limit_by_token else None
        try:
            return self._required(scope, given, policy.accepted)
        except InvalidCredentialError as error:
            answer.extend((b"www-authenticate", _challenge(kind, given)) for kind in policy.accepted)
            raise UnauthenticatedError(str(error), reason=Reason.UNAUTHENTICATED) from error
        except NoKeysError as error:
            raise UnavailableError(
                "Credentials cannot be checked now: the gateway has no keys for them. Look at its log.",
                retry_after=5,
                reason=Reason.NO_KEYS,
            ) from error

    def _required(self, scope: Scope, given: Mapping[bytes, bytes], accepted: tuple[Credential, ...]) -> Identity:
        names = [name for name, _ in scope["headers"]]
        if names.count(b"authorization") > 1 or names.count(b"x-api-key") > 1:
            raise InvalidCredentialError("A credential is there twice; send one.")
        identity = self._checked(given, accepted)
        if identity is None:
            wanted = " or ".join(NAMES[kind] for kind in accepted)
            raise InvalidCredentialError(f"This route needs a credential; send {wanted}.")
        return identity

    def _volunteered(self, given: Mapping[bytes, bytes]) -> Identity | None:
        """Return who says so on a route that does not ask, when it is true."""
        try:
            return self._checked(given, self._policies.defaults.credentials)
        except (InvalidCredentialError, NoKeysError):
            return None

    def _checked(self, given: Mapping[bytes, bytes], accepted: tuple[Credential, ...]) -> Identity | None:
        if "APIKey" in accepted and (key := given.get(b"x-api-key")):
            return self._keys.check(key)
        scheme, _, token = given.get(b"authorization", b"").partition(b" ")
        if "JWT" in accepted and scheme.lower() == b"bearer":
            return self._tokens.check(token.strip().decode("latin-1"))
        return None


async def answer_preflight(scope: Scope, send: Send, route: Route, cors: Cors) -> None:
    """Say what pages of the asking origin may do. A 204 without permissions is a no."""
    given = dict(scope["headers"])
    here = hop(given)
    exchange = Exchange(scope, route, send, here, given, "OPTIONS", status=204, reason=Reason.PREFLIGHT)
    headers = [*cors.preflight(given), (b"x-request-id", here.request_id.encode())]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    account(exchange, line)


def _identified(headers: list[Header], identity: Identity) -> list[Header]:
    """Return the fields with who it is. An API key is the gateway's own affair and stays here."""
    kept = [header for header in headers if header[0] != b"x-api-key"] if identity.method == "APIKey" else headers
    return [
        *kept,
        (SUBJECT, identity.subject.encode()),
        (ROLES, ",".join(sorted(identity.roles)).encode()),
        (METHOD, identity.method.encode()),
    ]


def _challenge(kind: Credential, given: Mapping[bytes, bytes]) -> bytes:
    failed = kind == "JWT" and given.get(b"authorization", b"")[:6].lower() == b"bearer"
    return CHALLENGES[kind] + (b', error="invalid_token"' if failed else b"")


def _telling(send: Send, answer: list[Header], policy: Policy) -> Send:
    """Return a `send` that adds what the gateway says of the route, in place of what the service says of the same."""
    ours = (OURS if policy.cors else frozenset()) | (RATE_FIELDS if policy.limit else frozenset())

    async def telling(message: Message) -> None:
        if message["type"] in STARTS:
            headers: list[Any] = [header for header in message["headers"] if header[0] not in ours]
            message = {**message, "headers": headers + answer}
        await send(message)

    return telling
