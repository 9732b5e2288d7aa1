"""Brings the CRD up to date: server-side apply of the file beside this script.

Runs in a pod of its own with nothing but Python. Exit code 1 and a sentence when the API server refuses.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ACCOUNT = Path(os.environ.get("ACCOUNT_FOLDER", "/var/run/secrets/kubernetes.io/serviceaccount"))
SERVER = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
NAME = "opsbuddyservices.opsbuddy.dev"
PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}?fieldManager=opsbuddy-chart&force=true"


def main() -> str:
    """Apply the file; returns what was done."""
    ask("GET", None)  # whom it refuses it cuts off, and in the middle of a long body its answer would be lost
    generation = ask("PATCH", Path(__file__).with_name("crd.yaml").read_bytes())["metadata"]["generation"]
    return f"The CRD {NAME} is up to date (generation {generation})."


def ask(method: str, body: bytes | None) -> Any:
    """Return the CRD as the API server has it after the request; raises HTTPError when it refuses."""
    headers = {
        "content-type": "application/apply-patch+yaml",
        "authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}",
    }
    trust = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    request = urllib.request.Request(SERVER + PATH, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
        return json.load(answer)


if __name__ == "__main__":
    try:
        print(main())
    except urllib.error.HTTPError as error:
        sys.exit(
            f"The API server refused the CRD with {error.code}: {error.read(2000).decode(errors='replace').strip()}"
        )
    except OSError as error:
        sys.exit(f"The CRD could not be brought up to date: {error}")
