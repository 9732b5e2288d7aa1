"""The entry of the analytics service."""

import sys

from opsbuddy_analytics_service.backup import parts
from opsbuddy_analytics_service.factory import DISTRIBUTION, build
from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_core.backup import tool
from opsbuddy_core.web.server import run


def main() -> None:
    """Run the service, or save and restore what it keeps."""
    if sys.argv[1:2] and sys.argv[1] in tool.NAMES:
        raise SystemExit(tool.run(sys.argv[1:], DISTRIBUTION, AnalyticsSettings, parts))
    run(DISTRIBUTION, AnalyticsSettings, build)


if __name__ == "__main__":
    main()
