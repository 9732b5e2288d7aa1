"""The entry of the timeseries service."""

import sys

from opsbuddy_core.backup import tool
from opsbuddy_core.web.server import run
from opsbuddy_timeseries_service.backup import parts
from opsbuddy_timeseries_service.factory import DISTRIBUTION, build
from opsbuddy_timeseries_service.settings import TimeseriesSettings


def main() -> None:
    """Run the service, or save and restore what it keeps."""
    if sys.argv[1:2] and sys.argv[1] in tool.NAMES:
        raise SystemExit(tool.run(sys.argv[1:], DISTRIBUTION, TimeseriesSettings, parts))
    run(DISTRIBUTION, TimeseriesSettings, build)


if __name__ == "__main__":
    main()
