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

ACCOUNT = Path(os.environ.get("ACCOUNT_FOLDER", "/var/run/secrets/kubernetes.io/serviceaccount"))
SERVER = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
NAME = "opsbuddyservices.opsbuddy.dev"
PATH = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{NAME}?fieldManager=opsbuddy-chart&force=true"


def main() -> str:
    """Apply the file; returns what was done."""
    request = urllib.request.Request(
        SERVER + PATH,
        Path(__file__).with_name("crd.yaml").read_bytes(),
        {
            "content-type": "application/apply-patch+yaml",
            "authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}",
        },
        method="PATCH",
    )
    trust = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
        generation = json.load(answer)["metadata"]["generation"]
    return f"The CRD {NAME} is up to date (generation {generation})."


if __name__ == "__main__":
    try:
        print(main())
    except urllib.error.HTTPError as error:
        sys.exit(
            f"The API server refused the CRD with {error.code}: {error.read(2000).decode(errors='replace').strip()}"
        )
    except OSError as error:
        sys.exit(f"The CRD could not be brought up to date: {error}")
