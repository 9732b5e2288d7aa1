"""What the timeseries service keeps, for an archive: its points, or the bucket of InfluxDB, which has the logs of the analytics service as well."""

from collections.abc import Sequence

from opsbuddy_core.backup.sqlite_file import SqliteFile
from opsbuddy_core.backup.tool import Part
from opsbuddy_timeseries_service.embedded.schema import MIGRATIONS
from opsbuddy_timeseries_service.influx.bucket import Bucket
from opsbuddy_timeseries_service.settings import TimeseriesSettings


def parts(settings: TimeseriesSettings) -> Sequence[Part]:
    """Return what is to be saved and restored."""
    if settings.influxdb_host:
        return [Bucket(settings)]
    return [SqliteFile(settings.sqlite_path("points"), len(MIGRATIONS))]
