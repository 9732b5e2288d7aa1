import sys

from opsbuddy_core.backup import tool
from opsbuddy_core.web.server import run
from opsbuddy_file_service.backup import parts
from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings

DISTRIBUTION = "opsbuddy-file-service"


def main() -> None:
    """Run the file service, or save and restore what it keeps."""
    if sys.argv[1:2] and sys.argv[1] in tool.NAMES:
        raise SystemExit(tool.run(sys.argv[1:], DISTRIBUTION, FileSettings, parts))
    run(DISTRIBUTION, FileSettings, build)


if __name__ == "__main__":
    main()
