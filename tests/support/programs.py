"""Where tests/cluster/build.sh puts what it builds, as its settings.sh says."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("CLUSTER_CACHE", Path.home() / ".cache/opsbuddy"))
BIN = Path(os.environ.get("CLUSTER_BIN", CACHE / "bin"))
