"""What an operator of the platform does at the command line, with the settings of the service.

opsbuddy-utility-service audit verify          exit code 1 when the chain of the audit is broken
opsbuddy-utility-service secret show ID        the value of a secret configuration
opsbuddy-utility-service secret rotate         seals all secrets anew with the first key
opsbuddy-utility-service secret key            a new key for SECRET_KEYS
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from cryptography.fernet import Fernet

from opsbuddy_core.database import Database
from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_utility_service.factory import database_of, sealer_of
from opsbuddy_utility_service.service.audit import AuditService
from opsbuddy_utility_service.settings import UtilitySettings
from opsbuddy_utility_service.storage.audit import SqlAudit
from opsbuddy_utility_service.storage.configs import SqlConfigs

NAMES = ("audit", "secret")
Tool = Callable[[Database, UtilitySettings, str], Awaitable[int]]


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="opsbuddy-utility-service", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=NAMES)
    parser.add_argument("do", choices=("verify", "show", "rotate", "key"))
    parser.add_argument("id", nargs="?", default="")
    chosen = parser.parse_args(arguments)
    if (chosen.what, chosen.do) == ("secret", "key"):
        sys.stdout.write(Fernet.generate_key().decode() + "\n")
        return 0
    tool = TOOLS.get((chosen.what, chosen.do))
    if tool is None:
        parser.error(f"{chosen.what} {chosen.do}: there is no such tool")
    settings = UtilitySettings.load()
    try:
        return asyncio.run(_with_database(settings, tool, chosen.id))
    except OpsBuddyError as error:
        sys.stderr.write(error.detail + "\n")
        return 1


async def _with_database(settings: UtilitySettings, tool: Tool, config_id: str) -> int:
    database = database_of(settings)
    async with database.running():
        return await tool(database, settings, config_id)


async def _verify(database: Database, _: UtilitySettings, __: str) -> int:
    found = await AuditService(SqlAudit(database)).verify()
    sys.stdout.write(f"{found.detail} Last: {found.sequence} {found.hash}\n")
    return int(not found.valid)


async def _show(database: Database, settings: UtilitySettings, config_id: str) -> int:
    configs = SqlConfigs(database)
    config = await configs.find(config_id) or await configs.find(config_id, trash=True)
    if config is None:
        sys.stderr.write(f"There is no configuration {config_id}.\n")
        return 1
    value = sealer_of(settings).open(config.id, config.value) if config.secret else config.value
    sys.stdout.write(value + "\n")
    return 0


async def _rotate(database: Database, settings: UtilitySettings, _: str) -> int:
    sealer = sealer_of(settings)
    count = await SqlConfigs(database).reseal(lambda owner, sealed: sealer.seal(owner, sealer.open(owner, sealed)))
    sys.stdout.write(f"{count} sealed values have the first key now.\n")
    return 0


TOOLS: dict[tuple[str, str], Tool] = {
    ("audit", "verify"): _verify,
    ("secret", "show"): _show,
    ("secret", "rotate"): _rotate,
}
