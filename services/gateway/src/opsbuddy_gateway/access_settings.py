"""Settings of who may use the gateway. Everything is off without them."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from opsbuddy_core.resource.route import Authentication, RateLimit
from opsbuddy_core.resource.route import Cors as CorsSpec
from opsbuddy_core.settings import CONFIG
from opsbuddy_gateway.service.credentials import ASYMMETRIC, SECRET_BYTES, SYMMETRIC, ApiKeys, TokenPolicy
from opsbuddy_gateway.service.policies import Credential, Defaults, cors_of


class AccessSettings(BaseSettings):
    """Limits, credentials, origins and TLS of the gateway."""

    model_config = CONFIG

    rate_limit_per_second: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Requests of one client per second on routes without a limit of their own; no limit without it",
    )
    rate_limit_burst: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Requests of one client that may come at once; one second's worth without it",
    )
    rate_limit_by: Literal["ClientAddress", "Token"] = Field("ClientAddress", description="What tells clients apart")
    rate_limit_clients: int = Field(10_000, ge=1, description="Clients that a limit remembers, at most")

    authentication: Literal["none", "required"] = Field(
        "none", description="Whether routes that say nothing of it ask for a credential"
    )
    jwt_secret: SecretStr | None = Field(None, description="Secret of HS256 tokens, at least 32 bytes")
    jwt_secret_file: Path | None = Field(None, description="The same as a file, read anew when it changes")
    jwks: str | None = Field(None, description="File or http(s) address of the JSON Web Key Set of signed tokens")
    jwks_refresh_seconds: float = Field(300.0, gt=0, le=86400, description="How often keys are read anew")
    jwks_timeout_seconds: float = Field(5.0, gt=0, le=60, description="Limit for reading them")
    jwt_algorithms: str = Field(
        "",
        description="Accepted algorithms, comma-separated; HS256 with a secret, RS256, ES256 and EdDSA with a key set without it",
    )
    jwt_issuer: str | None = Field(None, description="Issuer that tokens must have")
    jwt_audience: str | None = Field(None, description="Audience that tokens must have")
    jwt_leeway_seconds: float = Field(30.0, ge=0, le=600, description="How far clocks may differ")
    jwt_roles_claim: str = Field(
        "roles", min_length=1, description="Claim with the roles; dots lead inside: realm_access.roles"
    )
    api_keys: SecretStr | None = Field(None, description="Known API keys: id:sha256-in-hex:role,role;…")
    api_keys_file: Path | None = Field(None, description="The same as a file, one a line, read anew when it changes")

    cors_origins: str = Field(
        "", description="Origins whose pages may use routes that say nothing of it, comma-separated"
    )
    cors_credentials: bool = Field(default=False, description="Whether these pages may send the user's cookies")

    tls_certificate_file: Path | None = Field(None, description="Certificate chain (PEM); with it only TLS is spoken")
    tls_key_file: Path | None = Field(None, description="Its private key (PEM)")

    @model_validator(mode="after")
    def _access_can_be_used(self) -> Self:
        """Refuse what would leave a door open, or shut, that somebody meant otherwise."""
        _ = self.token_policy, self.defaults
        if self.jwt_secret and len(self.jwt_secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(f"JWT_SECRET needs at least {SECRET_BYTES} bytes: whoever guesses it can be anybody")
        if self.api_keys:
            ApiKeys().use(self.api_keys.get_secret_value())
        if self.authentication == "required" and not self.credentials:
            raise ValueError("AUTHENTICATION=required needs JWT_SECRET, JWKS or API_KEYS to check credentials with")
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS needs both TLS_CERTIFICATE_FILE and TLS_KEY_FILE")
        return self

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The kinds of credentials that can be checked."""
        kinds: list[Credential] = []
        if self.api_keys or self.api_keys_file:
            kinds.append("APIKey")
        if self.jwt_secret or self.jwt_secret_file or self.jwks:
            kinds.append("JWT")
        return tuple(kinds)

    @property
    def token_policy(self) -> TokenPolicy:
        named = frozenset(part.strip() for part in self.jwt_algorithms.split(",") if part.strip())
        if strange := named - SYMMETRIC - ASYMMETRIC:
            raise ValueError(
                f"JWT_ALGORITHMS: {', '.join(sorted(strange))} is not possible; {', '.join(sorted(SYMMETRIC | ASYMMETRIC))} are"
            )
        usual = {"HS256"} if self.jwt_secret or self.jwt_secret_file else set()
        usual |= {"RS256", "ES256", "EdDSA"} if self.jwks else set()
        return TokenPolicy(
            named or frozenset(usual), self.jwt_issuer, self.jwt_audience, self.jwt_leeway_seconds, self.jwt_roles_claim
        )

    @property
    def defaults(self) -> Defaults:
        limit = None
        if self.rate_limit_per_second:
            limit = RateLimit(
                requests_per_second=self.rate_limit_per_second, burst=self.rate_limit_burst, by=self.rate_limit_by
            )
        origins = [part.strip() for part in self.cors_origins.split(",") if part.strip()]
        cors = None
        if origins:
            if "*" in origins and self.cors_credentials:
                raise ValueError(
                    "CORS_ORIGINS=* with CORS_CREDENTIALS would hand each user's data to any page; name the origins"
                )
            cors = cors_of(CorsSpec(allow_origins=origins, allow_credentials=self.cors_credentials))
        return Defaults(
            limit,
            Authentication() if self.authentication == "required" else None,
            cors,
            self.credentials,
            self.rate_limit_clients,
        )
