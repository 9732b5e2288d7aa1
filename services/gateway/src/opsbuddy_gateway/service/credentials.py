"""Who asks: JWTs and API keys, checked against what is known now. Nothing here waits; keys are read in the background."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jwt
import orjson

SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})
ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
SECRET_BYTES = 32
LARGEST_TOKEN = 16 * 1024
MOST_KEYS = 1000
MOST_TRIED = 10  # for a token that names no key: a stranger must not make each of its tokens a thousand verifications
UNKNOWN_SECONDS = 30.0
MOST_UNKNOWN = 1000
_API_KEY = re.compile(r"([A-Za-z0-9._@-]{1,64}):([0-9a-f]{64}):([A-Za-z0-9._:/-]*(?:,[A-Za-z0-9._:/-]+)*)")
_WORD = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,256}")  # what a header can carry, without the comma that parts a list


class InvalidCredentialError(Exception):
    """A credential that does not hold; says why, without any of it."""


class NoKeysError(Exception):
    """It cannot be checked now."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and which roles that gives."""

    subject: str
    roles: frozenset[str]
    method: str


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What a JWT has to be like."""

    algorithms: frozenset[str]
    issuer: str | None = None
    audience: str | None = None
    leeway_seconds: float = 30.0
    roles_claim: str = "roles"


class Tokens:
    """Checks JWTs. A shared secret serves HS* alone and a public key never does: else a public key could pass for a secret."""

    def __init__(self, policy: TokenPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy, self._clock = policy, clock
        self._secret: bytes | None = None
        self._keys: Sequence[jwt.PyJWK] = ()
        self._unknown: dict[str, float] = {}
        self.wanted: Callable[[], None] = lambda: None

    def use_secret(self, secret: bytes) -> None:
        if len(secret) < SECRET_BYTES:
            raise ValueError(f"a JWT secret has at least {SECRET_BYTES} bytes")
        self._secret = secret

    def use_keys(self, raw: bytes) -> None:
        """Take a JWKS; raises ValueError where it has no key of use, and the old ones stay."""
        try:
            document = orjson.loads(raw)
            document["keys"] = document["keys"][:MOST_KEYS]
            keys = jwt.PyJWKSet.from_dict(document).keys
        except (jwt.PyJWTError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError("it is no JSON Web Key Set with a key that can be used") from error
        usable = [key for key in keys if key.algorithm_name in ASYMMETRIC and key.public_key_use != "enc"]
        if not usable:
            raise ValueError("it has no public key for signatures")
        self._keys = usable
        self._unknown.clear()

    def check(self, token: str) -> Identity:
        """Return who a token names; raises InvalidCredentialError, or NoKeysError before any key is known."""
        if not self._policy.algorithms:
            raise NoKeysError
        if len(token) > LARGEST_TOKEN:
            raise InvalidCredentialError(f"The token has more than {LARGEST_TOKEN} characters.")
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if algorithm not in self._policy.algorithms:
                raise InvalidCredentialError("The token is signed by an algorithm that is not accepted here.")
            kid = header.get("kid")
            claims = self._claims(token, algorithm, self._fitting(algorithm, kid))
        except jwt.InvalidSignatureError as error:
            if kid is None:  # its key may be a new one
                self._missed("")
            raise InvalidCredentialError(_why(error)) from error
        except jwt.PyJWTError as error:
            raise InvalidCredentialError(_why(error)) from error
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise InvalidCredentialError("The token cannot be read.") from error
        return self._identity(claims)

    def _fitting(self, algorithm: str, kid: Any) -> Sequence[Any]:
        """Return the keys that may have signed a token: those it names, or of a token that names none all of its algorithm."""
        if algorithm in SYMMETRIC:
            if self._secret is None:
                raise NoKeysError
            return [self._secret]
        if not self._keys:
            raise NoKeysError
        named = self._keys if kid is None else [key for key in self._keys if key.key_id == kid]
        if not named:
            self._missed(str(kid))
            raise InvalidCredentialError("The token is signed by a key that is not known here.")
        fitting = [key.key for key in named if _serves(key.algorithm_name, algorithm)]
        if not fitting:
            raise InvalidCredentialError("The token is signed by another algorithm than its key is for.")
        if kid is None and len(fitting) > MOST_TRIED:
            raise InvalidCredentialError("The token names none of the many keys that there are; it needs a kid.")
        return fitting

    def _claims(self, token: str, algorithm: str, keys: Sequence[Any]) -> Mapping[str, Any]:
        """Return what a token says that one of the keys has signed; raises a PyJWTError."""
        for key in keys:
            with suppress(jwt.InvalidSignatureError):
                return jwt.decode(
                    token,
                    key,
                    algorithms=[algorithm],
                    issuer=self._policy.issuer,
                    audience=self._policy.audience,
                    leeway=self._policy.leeway_seconds,
                    options={"require": ["exp", "sub"], "verify_aud": self._policy.audience is not None},
                )
        raise jwt.InvalidSignatureError

    def _missed(self, kid: str) -> None:
        """Ask for newer keys, but not for each token of a stranger: a key once not found is not looked for again for a while."""
        now = self._clock()
        kid = kid[:128]
        if now < self._unknown.get(kid, 0.0):
            return
        if len(self._unknown) >= MOST_UNKNOWN:
            self._unknown = {known: until for known, until in self._unknown.items() if until > now}
        if len(self._unknown) < MOST_UNKNOWN:
            self._unknown[kid] = now + UNKNOWN_SECONDS
            self.wanted()

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not _WORD.fullmatch(subject.replace(",", "-")):
            raise InvalidCredentialError("The token's subject is not a word of 1 to 256 printable characters.")
        name = self._policy.roles_claim
        found: Any = claims
        for part in [name] if name in claims else name.split("."):  # https://example.org/roles is one name
            found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            found = found.split()
        roles = found if isinstance(found, Sequence) else ()
        return Identity(subject, frozenset(r for r in roles if isinstance(r, str) and _WORD.fullmatch(r)), "JWT")


class ApiKeys:
    """Known keys by the SHA-256 of each. That is enough for keys of high entropy, and only for them."""

    def __init__(self) -> None:
        self._known: Sequence[tuple[bytes, Identity]] | None = None

    def use(self, text: str) -> None:
        """Take `id:sha256:role,role`, one a line or parted by semicolons; raises ValueError that names the line, never its content."""
        known: dict[bytes, Identity] = {}
        entries = [entry.strip() for line in text.splitlines() if not line.startswith("#") for entry in line.split(";")]
        for number, entry in enumerate(filter(None, entries), start=1):
            match = _API_KEY.fullmatch(entry)
            if match is None:
                raise ValueError(f"entry {number} of the API keys is not id:sha256-in-hex:role,role")
            known[match[2].encode()] = Identity(match[1], frozenset(filter(None, match[3].split(","))), "APIKey")
        if len(known) > MOST_KEYS:
            raise ValueError(f"there are more than {MOST_KEYS} API keys")
        self._known = tuple(known.items())

    def check(self, key: bytes) -> Identity:
        """Return whose key it is; takes the same time whichever it is. Raises InvalidCredentialError or NoKeysError."""
        if self._known is None:
            raise NoKeysError
        given = hashlib.sha256(key).hexdigest().encode()
        found: Identity | None = None
        for digest, identity in self._known:
            if hmac.compare_digest(digest, given):
                found = identity
        if found is None:
            raise InvalidCredentialError("The API key is not known here.")
        return found


def _serves(of_key: str, of_token: str) -> bool:
    """Whether a key is for an algorithm: an RSA key without an `alg` of its own is for every RS* and PS*."""
    return of_key == of_token or (of_key[:2] in ("RS", "PS") and of_token[:2] in ("RS", "PS"))


REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidIssuerError, "The token is of another issuer."),
    (jwt.InvalidAudienceError, "The token is for another audience."),
    (jwt.InvalidSignatureError, "The token's signature does not hold."),
)


def _why(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"The token lacks the claim {error.claim}."
    return next((words for kind, words in REASONS if isinstance(error, kind)), "The token cannot be read.")
