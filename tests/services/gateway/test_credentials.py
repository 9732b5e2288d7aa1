"""JWTs against public keys, API keys against their hashes, and where both come from."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import ValidationError

from opsbuddy_gateway.service.credentials import ApiKeys, InvalidCredentialError, NoKeysError, TokenPolicy, Tokens
from opsbuddy_gateway.service.keyring import Followed
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.storage.secrets import FileSource, SourceError, UrlSource

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
PUBLIC = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_set(**more: Any) -> bytes:
    keys = [
        {**json.loads(RSAAlgorithm.to_jwk(RSA.public_key())), "kid": "r", "use": "sig"},
        {**json.loads(ECAlgorithm.to_jwk(EC.public_key())), "kid": "e", "alg": "ES256"},
    ]
    return json.dumps({"keys": [{**key, **more} for key in keys]}).encode()


def signed(kid: str | None = "r", algorithm: str = "RS256", key: Any = RSA) -> str:
    headers = {"kid": kid} if kid else None
    return jwt.encode({"sub": "ada", "exp": time.time() + 60}, key, algorithm=algorithm, headers=headers)


def tokens(*algorithms: str, now: list[float] | None = None) -> Tokens:
    policy = TokenPolicy(frozenset(algorithms or ("RS256", "ES256")))
    checking = Tokens(policy, (lambda: now[0]) if now else time.monotonic)
    checking.use_keys(key_set())
    return checking


def test_a_token_is_checked_by_the_key_that_it_names():
    assert tokens().check(signed()).subject == "ada"
    assert tokens().check(signed("e", "ES256", EC)).subject == "ada"


@pytest.mark.parametrize("kids", [{}, {"kid": "same"}, {"kid": ["of", "another", "type"]}], ids=["none", "one", "odd"])
def test_keys_without_a_name_of_their_own_all_serve_whoever_names_none(kids: dict[str, Any]):
    newer = rsa.generate_private_key(65537, 2048)
    keys = [
        json.loads(RSAAlgorithm.to_jwk(newer.public_key())) | kids,
        json.loads(RSAAlgorithm.to_jwk(RSA.public_key())) | kids,
        json.loads(ECAlgorithm.to_jwk(EC.public_key())) | kids,
    ]
    checking = tokens()
    checking.use_keys(json.dumps({"keys": keys}).encode())
    kid = "same" if kids == {"kid": "same"} else None
    for text in (signed(kid), signed(kid, key=newer), signed(kid, "ES256", EC)):
        assert checking.check(text).subject == "ada"


def test_a_token_that_names_no_key_is_not_tried_on_hundreds():
    checking = tokens()
    key = json.loads(RSAAlgorithm.to_jwk(RSA.public_key()))
    checking.use_keys(json.dumps({"keys": [key] * 11}).encode())
    with pytest.raises(InvalidCredentialError, match="kid"):
        checking.check(signed(None))


def test_a_token_of_no_known_key_has_newer_keys_asked_for_though_it_names_none():
    asked, checking = [], tokens(now=[0.0])
    checking.wanted = lambda: asked.append(1)
    for _ in range(3):
        with pytest.raises(InvalidCredentialError, match="signature"):
            checking.check(signed(None, key=rsa.generate_private_key(65537, 2048)))
    assert asked == [1]


@pytest.mark.parametrize(
    "text",
    [
        signed("e"),  # another key than the one that signed
        signed("unknown"),
        signed(None, key=rsa.generate_private_key(65537, 2048)),
        signed(algorithm="PS256"),  # not in the allow-list
        "a" * 20_000,
        "",
        "....",
    ],
    ids=["other key", "unknown key", "no key named, signed by none", "algorithm", "long", "empty", "dots"],
)
def test_a_token_that_does_not_fit_is_refused(text: str):
    with pytest.raises(InvalidCredentialError):
        tokens().check(text)


def test_a_public_key_is_never_taken_for_a_secret():
    def part(value: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    head = part({"alg": "HS256", "kid": "r"}) + b"." + part({"sub": "root", "exp": time.time() + 60})
    forged = head + b"." + base64.urlsafe_b64encode(hmac.digest(PUBLIC, head, "sha256")).rstrip(b"=")
    with pytest.raises(NoKeysError):
        tokens("HS256", "RS256").check(forged.decode())


def test_an_unknown_key_is_asked_for_once_in_a_while():
    now, asked = [0.0], []
    checking = tokens(now=now)
    checking.wanted = lambda: asked.append(now[0])
    for moment in (1.0, 2.0, 20.0, 32.0):
        now[0] = moment
        with pytest.raises(InvalidCredentialError):
            checking.check(signed("new"))
    assert asked == [1.0, 32.0]


def test_strangers_cannot_fill_the_memory_of_unknown_keys():
    checking = tokens(now=[0.0])
    for number in range(1100):
        checking._missed(f"kid{number}")
    assert len(checking._unknown) == 1000


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": 3}', key_set(use="enc"), b'{"keys": [{"kty": "oct", "k": "YQ"}]}'],
)
def test_a_key_set_that_is_of_no_use_leaves_the_old_one(raw: bytes):
    checking = tokens()
    with pytest.raises(ValueError, match="it "):
        checking.use_keys(raw)
    assert checking.check(signed()).subject == "ada"


def test_api_keys_are_known_by_their_hash():
    keys = ApiKeys()
    with pytest.raises(NoKeysError):
        keys.check(b"x")
    keys.use(f"# ours\na:{hashlib.sha256(b'one').hexdigest()}:r1,r2\n\nb:{hashlib.sha256(b'two').hexdigest()}:")
    assert keys.check(b"one").roles == {"r1", "r2"}
    assert (keys.check(b"two").subject, keys.check(b"two").roles) == ("b", frozenset())
    with pytest.raises(InvalidCredentialError):
        keys.check(b"three")


def test_what_is_wrong_with_api_keys_is_said_without_them():
    with pytest.raises(ValueError, match="entry 2") as raised:
        ApiKeys().use(f"a:{'0' * 64}:r\nb:plain-text-key:r")
    assert "plain-text-key" not in str(raised.value)


async def test_renewed_keys_are_taken_over_and_bad_ones_are_not(tmp_path):
    file = tmp_path / "jwks.json"
    checking = Tokens(TokenPolicy(frozenset({"RS256"})))
    followed = Followed(FileSource(file), checking.use_keys, 60)
    await followed.refresh()
    assert "cannot be read" in (followed.problem or "")
    with pytest.raises(NoKeysError):
        checking.check(signed())
    file.write_bytes(key_set())
    await followed.refresh()
    assert followed.problem is None
    file.write_bytes(b"{")
    await followed.refresh()
    assert "no JSON Web Key Set" in (followed.problem or "")
    assert checking.check(signed()).subject == "ada"


async def test_keys_of_an_address_are_read_within_limits(tmp_path):
    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(0)
        match request.path:
            case "/keys":
                return web.Response(body=key_set())
            case "/huge":
                return web.Response(body=b" " * (2 << 20))
            case _:
                return web.Response(status=302, headers={"Location": "/keys"})

    app = web.Application()
    app.router.add_get("/{name}", answer)
    async with TestServer(app) as server:
        assert await UrlSource(str(server.make_url("/keys")), 5).read() == key_set()
        for path, words in (("/huge", "more than"), ("/moved", "answers 302")):
            with pytest.raises(SourceError, match=words):
                await UrlSource(str(server.make_url(path)), 5).read()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "it closed the connection before it answered"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "its answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "its answer broke off"),
        (None, "it takes no connection: Connection refused"),
    ],
)
async def test_what_is_wrong_with_an_address_of_keys_is_said_in_words(said: bytes | None, words: str):
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said or b"")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if said is None:
        server.close()
        await server.wait_closed()
    with pytest.raises(SourceError) as raised:
        await UrlSource(f"http://127.0.0.1:{port}/keys", 5).read()
    server.close()
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://no-such-host.invalid/keys", "its name is not known"),
        ("http://127.0.0.1:99999/keys", "its address is not valid"),
    ],
)
async def test_an_address_of_keys_that_is_none_is_said_in_words(url: str, words: str):
    with pytest.raises(SourceError) as raised:
        await UrlSource(url, 5).read()
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"jwt_secret": "too short"}, "at least 32 bytes"),
        ({"jwt_secret": "s" * 32, "jwt_algorithms": "none"}, "none is not possible"),
        ({"authentication": "required"}, "AUTHENTICATION=required needs"),
        ({"api_keys": "robot:secret:admin"}, "entry 1 of the API keys"),
        ({"cors_origins": "*", "cors_credentials": True}, "name the origins"),
        ({"cors_origins": "ops.example.com/"}, "allow"),
        ({"tls_key_file": "key.pem"}, "TLS needs both"),
    ],
)
def test_settings_that_leave_a_door_open_end_the_start(settings: dict[str, Any], words: str):
    with pytest.raises(ValidationError, match=words) as raised:
        GatewaySettings(_env_file=None, **settings)
    assert "too short" not in str(raised.value)
    assert "robot:secret" not in str(raised.value)
