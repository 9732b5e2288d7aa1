from opsbuddy_core.web.server import run
from opsbuddy_file_service.factory import build
from opsbuddy_file_service.settings import FileSettings


def main() -> None:
    """Run the file service."""
    run("opsbuddy-file-service", FileSettings, build)


if __name__ == "__main__":
    main()
