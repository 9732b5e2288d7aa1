"""The entry of the timeseries service."""

from opsbuddy_core.web.server import run
from opsbuddy_timeseries_service.factory import DISTRIBUTION, build
from opsbuddy_timeseries_service.settings import TimeseriesSettings


def main() -> None:
    """Run the service."""
    run(DISTRIBUTION, TimeseriesSettings, build)


if __name__ == "__main__":
    main()
