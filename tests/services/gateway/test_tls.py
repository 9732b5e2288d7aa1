"""TLS by two files, and their renewal while the gateway runs."""

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from opsbuddy_core.web.server import Server, config, listen
from opsbuddy_core.web.tls import Certificate
from opsbuddy_gateway.factory import build
from opsbuddy_gateway.settings import GatewaySettings
from tests.services.gateway.process import route, table
from tests.services.gateway.upstream import Upstream
from tests.support.certificates import self_signed
from tests.support.wait import eventually


def issue(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key, one after the other as a program does that renews them."""
    certificate, key = self_signed(name)
    chain, private = folder / "tls.crt", folder / "tls.key"
    chain.write_text(certificate)
    private.write_text(key)
    return chain, private


def anything() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def presented(port: int) -> str:
    """Return the name in the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=anything())
    try:
        raw = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(raw).subject.rfc4514_string()
    finally:
        writer.close()


async def test_tls_is_spoken_with_what_the_files_hold_and_a_renewed_certificate_is_used_at_once(
    tmp_path, upstream: Upstream
):
    chain, key = issue(tmp_path, "first")
    file = tmp_path / "routes.json"
    file.write_text(table(route()))
    settings = GatewaySettings(
        _env_file=None,
        service_host="127.0.0.1",
        service_port=0,
        routes_from="file",
        routes_file=file,
        static_endpoints=f"file-service={upstream.address}",
        openapi_seconds=0,
        tls_certificate_file=chain,
        tls_key_file=key,
    )
    app, health = build(settings)
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    made = config(app, health, settings)
    assert made.certificate
    made.certificate._look_seconds = 0.02
    server = Server(made, health, 0)
    serving = asyncio.create_task(server._serve([listener]))
    try:

        async def ready() -> bool:
            return server.started

        await eventually(ready)
        connector = aiohttp.TCPConnector(ssl=anything())
        async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", connector=connector) as http:

            async def routed() -> bool:
                async with http.get("/api/files/200") as answer:
                    return answer.status == 200

            await eventually(routed)
            assert upstream.requests[-1].header("x-forwarded-proto") == "https"
            async with http.get("/api/files/redirect", allow_redirects=False) as answer:
                assert answer.headers["Location"] == "/api/files/there?a=1"
            assert await presented(port) == "CN=first"
            assert made.certificate.context.minimum_version == ssl.TLSVersion.TLSv1_2
            issue(tmp_path, "second")

            async def renewed() -> bool:
                return await presented(port) == "CN=second"

            await eventually(renewed)
            assert await routed()
    finally:
        server.should_exit = server.force_exit = True
        await serving


async def test_a_certificate_that_does_not_fit_its_key_leaves_the_old_one(tmp_path):
    certificate = Certificate(*issue(tmp_path, "first"), look_seconds=0.01)
    following = asyncio.create_task(certificate.follow())
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = issue(other, "foreign")
    (tmp_path / "tls.key").write_bytes(foreign.read_bytes())

    async def refused() -> bool:
        return certificate._refused is not None

    await eventually(refused)
    following.cancel()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        assert await presented(server.sockets[0].getsockname()[1]) == "CN=first"


@pytest.mark.parametrize("content", [b"", b"no PEM"])
def test_what_is_no_certificate_ends_the_start(tmp_path, content: bytes):
    chain, key = issue(tmp_path, "first")
    chain.write_bytes(content)
    with pytest.raises(ssl.SSLError):
        Certificate(chain, key)
