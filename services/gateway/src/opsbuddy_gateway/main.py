import gc

from starlette.types import ASGIApp

from opsbuddy_core.health import Health
from opsbuddy_core.web.server import run
from opsbuddy_gateway.factory import build
from opsbuddy_gateway.settings import GatewaySettings


def main() -> None:
    """Run the gateway."""
    run("opsbuddy-gateway", GatewaySettings, _built)


def _built(settings: GatewaySettings) -> tuple[ASGIApp, Health]:
    """Collect garbage more rarely than is usual: full collections are the longest pauses of the data path."""
    gc.set_threshold(50_000, 20, 20)
    return build(settings)


if __name__ == "__main__":
    main()
