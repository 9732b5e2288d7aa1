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
    """Keep what is loaded by now out of garbage collection: full collections are the longest pauses of the data path."""
    built = build(settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    return built


if __name__ == "__main__":
    main()
