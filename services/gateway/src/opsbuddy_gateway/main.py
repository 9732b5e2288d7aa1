from opsbuddy_core.web.server import run
from opsbuddy_gateway.factory import build
from opsbuddy_gateway.settings import GatewaySettings


def main() -> None:
    """Run the gateway."""
    run("opsbuddy-gateway", GatewaySettings, build)
