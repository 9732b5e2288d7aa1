"""Entry of the console script."""

from opsbuddy_core.web.server import run
from opsbuddy_ui_service.factory import build
from opsbuddy_ui_service.settings import UiSettings


def main() -> None:
    """Run the UI service."""
    run("opsbuddy-ui-service", UiSettings, build)


if __name__ == "__main__":
    main()
