"""Saves everything that an installation keeps into one file, and restores it: `make backup` and `make restore`.

    python -m backup save demo FILE            the demo in .demo, also while it runs
    python -m backup restore demo FILE         while it does not run
    python -m backup save compose FILE         the compose project, while it runs
    python -m backup restore compose FILE      the same, fresh or stopped; afterwards it runs

The file has the keys that open secret configurations: keep it as you keep those.
"""

import argparse
import sys
from pathlib import Path

from backup.archives import restore, save
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
    parser.add_argument("installation", choices=("demo", "compose"))
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--data", type=Path, default=ROOT / ".demo", help="folder of the demo (default: .demo)")
    parser.add_argument("--force", action="store_true", help="restore: replace what is there")
    chosen = parser.parse_args()
    installation: Installation = Demo(ROOT, chosen.data) if chosen.installation == "demo" else Compose(ROOT)
    try:
        if chosen.do == "save":
            save(installation, chosen.file, _say)
        else:
            restore(installation, chosen.file, _say, force=chosen.force)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
