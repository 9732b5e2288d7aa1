import sys
from functools import partial

from opsbuddy_core.backup import tool
from opsbuddy_core.web.server import run
from opsbuddy_utility_service import tools
from opsbuddy_utility_service.backup import parts
from opsbuddy_utility_service.factory import build
from opsbuddy_utility_service.settings import UtilitySettings


def main() -> None:
    """Run the utility service, or one of its tools."""
    if sys.argv[1:2] and sys.argv[1] in tool.NAMES:
        raise SystemExit(tool.run(sys.argv[1:], "opsbuddy-utility-service", UtilitySettings, parts))
    if sys.argv[1:2] and sys.argv[1] in tools.NAMES:
        raise SystemExit(tools.run(sys.argv[1:]))
    run("opsbuddy-utility-service", UtilitySettings, partial(build, warm=True))


if __name__ == "__main__":
    main()
