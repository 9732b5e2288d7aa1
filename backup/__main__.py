"""Saves everything that an installation keeps into one file, and restores it: `make backup` and `make restore`.

    python -m backup save demo FILE            the demo in .demo, also while it runs
    python -m backup restore demo FILE         while it does not run
    python -m backup save compose FILE         the compose project, while it runs
    python -m backup restore compose FILE      the same, fresh or stopped; afterwards it runs
    python -m backup save cluster FILE         the services of a namespace, by kubectl; --namespace says which
    python -m backup restore cluster FILE      the same; they are stopped, and run afterwards

The file has the keys that open secret configurations: keep it as you keep those.
"""

import argparse
import sys
from pathlib import Path

from backup.archives import restore, save
from backup.cluster import Cluster
from backup.compose import Compose
from backup.demo import Demo
from backup.installation import Installation
from opsbuddy_core.backup.archive import BackupError

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Do it; exit code 1 and a sentence when it cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m backup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("do", choices=("save", "restore"))
    parser.add_argument("installation", choices=("demo", "compose", "cluster"))
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--data", type=Path, default=ROOT / ".demo", help="folder of the demo (default: .demo)")
    parser.add_argument("--namespace", default="opsbuddy", help="namespace of the cluster (default: opsbuddy)")
    parser.add_argument("--force", action="store_true", help="restore: replace what is there")
    chosen = parser.parse_args()
    try:
        installation = _installation(chosen)
        if chosen.do == "save":
            save(installation, chosen.file, _say)
        else:
            restore(installation, chosen.file, _say, force=chosen.force)
    except BackupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or chosen.file}: {error.strerror or error}\n")
        return 1
    return 0


def _installation(chosen: argparse.Namespace) -> Installation:
    if chosen.installation == "demo":
        return Demo(ROOT, chosen.data)
    return Compose(ROOT) if chosen.installation == "compose" else Cluster(ROOT, chosen.namespace)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
