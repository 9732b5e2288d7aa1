"""Images of PostgreSQL and of an S3 server, which stand for the published ones where no registry answers."""

import shutil
from pathlib import Path

from tests.compose.project import ROOT, run
from tests.support.s3 import BINARY

POSTGRES, S3 = "opsbuddy-test/postgres", "opsbuddy-test/s3"


def build(context: Path) -> None:
    """Build both by the Docker daemon of the tests, from files that are copied to `context`."""
    for file in (*(ROOT / "tests/compose/images").iterdir(), BINARY):
        shutil.copy(file, context)
    for name in (POSTGRES, S3):
        target = name.rpartition("/")[2]
        run("docker", "build", "--network", "host", "--target", target, "-t", name, str(context), DOCKER_BUILDKIT="0")
