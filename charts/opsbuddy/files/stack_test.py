"""Asks the gateway for its health and for each service behind it, for as long as a start takes. Exit code 1 names what does not answer."""

import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE = float(os.environ.get("PATIENCE_SECONDS", "120"))


def main() -> int:
    """Ask until all answer or time is up; returns the exit code."""
    waiting = {urllib.parse.urljoin(os.environ["GATEWAY"], path): "" for path in os.environ["PATHS"].split()}
    deadline = time.monotonic() + PATIENCE
    while True:
        for url in list(waiting):
            waiting[url] = trouble(url)
            if not waiting[url]:
                del waiting[url]
                print(f"{url} answers", flush=True)
        if not waiting:
            return 0
        if time.monotonic() > deadline:
            break
        time.sleep(1)
    for url, reason in waiting.items():
        print(f"{url} does not answer: {reason}")
    return 1


def trouble(url: str) -> str:
    """Return what is wrong, or nothing."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())
