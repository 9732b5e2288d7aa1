from opsbuddy_core.web.server import run
from opsbuddy_utility_service.factory import build
from opsbuddy_utility_service.settings import UtilitySettings


def main() -> None:
    """Run the utility service."""
    run("opsbuddy-utility-service", UtilitySettings, build)


if __name__ == "__main__":
    main()
