"""Fills a platform that runs already: `python -m demo.day http://localhost:8000 FOLDER`; the folder remembers that it was done."""

import argparse
import asyncio
import sys
from pathlib import Path

from demo.day.fill import FillError, fill_once


def main() -> str:
    """Send the day through the gateway, once; returns what was done."""
    parser = argparse.ArgumentParser(prog="python -m demo.day", description=__doc__)
    parser.add_argument("gateway", help="address of the gateway")
    parser.add_argument("folder", type=Path, help="where to remember that the day was sent")
    arguments = parser.parse_args()
    try:
        story = asyncio.run(fill_once(arguments.gateway, arguments.folder))
    except FillError as error:
        sys.exit(str(error))
    if story is None:
        return "Nothing to fill: it is done already, or DEMO_DATA=0 says that nothing is wanted."
    return f"Filled with a day of logs, metrics, files and configurations; file-service went down at {story.outage:%Y-%m-%d %H:%M} UTC."


if __name__ == "__main__":
    sys.stdout.write(main() + "\n")
