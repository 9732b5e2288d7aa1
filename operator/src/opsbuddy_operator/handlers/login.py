"""kopf reaches the API server in the same way as our own client."""

from typing import Any

import kopf

from opsbuddy_operator.cluster.client import configuration


def register(registry: kopf.OperatorRegistry) -> None:
    """Register the login; kopf asks again when its credentials are refused, so a token that was renewed is read anew."""
    kopf.on.login(registry=registry)(login)


async def login(**_: Any) -> kopf.ConnectionInfo:
    """Return the way to the API server."""
    found = await configuration()
    header = await found.get_api_key_with_prefix("BearerToken")
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        insecure=not found.verify_ssl,
        username=found.username or None,
        password=found.password or None,
        scheme="Bearer" if header else None,
        token=header.split()[-1] if header else None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
        proxy_url=found.proxy,
    )
