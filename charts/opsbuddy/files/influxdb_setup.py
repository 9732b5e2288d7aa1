"""Sets InfluxDB up when it is new; otherwise makes sure that the token works, and that the bucket is there and keeps data as long as wanted.

Runs in a pod of its own with nothing but Python, after each install and upgrade. Repeating it changes nothing. Exit code 1 and a sentence
when it cannot be done.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

DAY = 24 * 60 * 60
PATIENCE = float(os.environ.get("PATIENCE_SECONDS", "300"))


class RefusedError(Exception):
    """InfluxDB's answer, when it is not a success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"InfluxDB answered {status}: {text}")
        self.status = status


def main() -> str:
    """Set up or look after what is there; returns what was done."""
    environment = os.environ
    org, bucket, secret = environment["INFLUXDB_ORG"], environment["INFLUXDB_BUCKET"], environment["SECRET_NAME"]
    seconds = int(environment["INFLUXDB_RETENTION_DAYS"]) * DAY
    if wait_until_up()["allowed"]:
        account = {"username": "admin", "password": environment["INFLUXDB_PASSWORD"]}
        keep = {"org": org, "bucket": bucket, "retentionPeriodSeconds": seconds}
        call("POST", "/api/v2/setup", {**account, **keep, "token": environment["INFLUXDB_TOKEN"]})
        return f"InfluxDB is set up: organization {org}, bucket {bucket}."
    try:
        orgs = call("GET", f"/api/v2/orgs?org={urllib.parse.quote(org)}")["orgs"]
    except RefusedError as refused:
        if refused.status == 401:
            sys.exit(
                f"InfluxDB has data from before and does not know the token of Secret {secret}. Put the password and token that it was set up "
                f"with into that Secret (keys admin-password, admin-token), or name one that has them by influxdb.auth.existingSecret; to begin "
                f"anew without the data, delete the claim of InfluxDB."
            )
        if refused.status != 404:
            raise
        orgs = []
    if not orgs:
        sys.exit(f"InfluxDB was set up for another organization than {org}: set influxdb.org to the one that it has.")
    return f"InfluxDB is set up already, its token works; {keep_bucket(orgs[0]['id'], bucket, seconds)}."


def wait_until_up() -> Any:
    """Return what InfluxDB says about its set-up, as soon as it answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call("GET", "/api/v2/setup")
        except (OSError, RefusedError) as error:
            if time.monotonic() > deadline:
                sys.exit(
                    f"InfluxDB did not answer within {PATIENCE:.0f} s ({error}): look at its pod's events and log."
                )
            time.sleep(1)


def keep_bucket(org_id: str, name: str, seconds: int) -> str:
    """Make the bucket, or change how long it keeps data; returns what was done."""
    rules = [
        {"type": "expire", "everySeconds": seconds}
    ]  # 0 is for ever; without a rule a PATCH leaves the one that is there
    query = urllib.parse.urlencode({"orgID": org_id, "name": name})
    try:
        found = call("GET", f"/api/v2/buckets?{query}")["buckets"]
    except RefusedError as refused:
        if refused.status != 404:
            raise
        found = []
    if not found:
        call("POST", "/api/v2/buckets", {"orgID": org_id, "name": name, "retentionRules": rules})
        return f"bucket {name} was missing and is made"
    if sum(rule["everySeconds"] for rule in found[0]["retentionRules"]) == seconds:
        return f"bucket {name} is as wanted"
    call("PATCH", f"/api/v2/buckets/{found[0]['id']}", {"retentionRules": rules})
    return f"bucket {name} keeps data for {f'{seconds // DAY} days' if seconds else 'ever'} from now on"


def call(method: str, path: str, document: Any = None) -> Any:
    """Return InfluxDB's answer; raises RefusedError with its status and words, OSError when there is none."""
    request = urllib.request.Request(
        os.environ["INFLUXDB_URL"] + path,
        None if document is None else json.dumps(document).encode(),
        {"content-type": "application/json"},
        method=method,
    )
    if path != "/api/v2/setup":
        request.add_header("authorization", f"Token {os.environ['INFLUXDB_TOKEN']}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RefusedError(error.code, error.read(2000).decode(errors="replace").strip()) from None


if __name__ == "__main__":
    try:
        print(main())
    except (OSError, RefusedError) as error:
        sys.exit(f"The set-up of InfluxDB failed: {error}")
