"""What the analytics service keeps, for an archive: the journal, which without InfluxDB holds every log."""

from collections.abc import Sequence

from opsbuddy_analytics_service.settings import AnalyticsSettings
from opsbuddy_analytics_service.storage.embedded import MIGRATIONS
from opsbuddy_core.backup.sqlite_file import SqliteFile
from opsbuddy_core.backup.tool import Part


def parts(settings: AnalyticsSettings) -> Sequence[Part]:
    """Return what is to be saved and restored. Logs that InfluxDB has are saved with its bucket, by the timeseries service."""
    return [SqliteFile(settings.sqlite_path("logs"), len(MIGRATIONS))]
