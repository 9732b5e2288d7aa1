"""A database that is up to date, for a test that is not about getting it there: the scripts run once in a process, then the file is copied."""

from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL

from opsbuddy_core.database import Database
from opsbuddy_core.settings import StateSettings

_FILES: dict[str, bytes] = {}


async def put(settings: StateSettings, name: str, package: str) -> None:
    """Put SQLite's file where a service with `settings` looks for it; nothing where it is to use another database."""
    if settings.database_url is not None:
        return
    if package not in _FILES:
        _FILES[package] = await _made(package)
    place = settings.sqlite_path(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(_FILES[package])


async def _made(package: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "database"
        database = Database(URL.create("sqlite", database=str(path)), package)
        async with database.running():
            await database.probe()
        return path.read_bytes()  # all of it: SQLite takes the log into the file when the last connection closes
