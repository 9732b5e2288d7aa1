"""The script that sets InfluxDB up, against a real one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.charts.helm import STACK
from tests.support.influxdb import ORG, TOKEN, Influxd, free_port

COMMAND = [sys.executable, "-I", "-S", str(STACK / "files/influxdb_setup.py")]  # with nothing but Python
DAY = 24 * 60 * 60


def environment(port: int, **changes: str) -> dict[str, str]:
    """Return what the chart tells the script, of a server on this port."""
    told = {
        "INFLUXDB_URL": f"http://127.0.0.1:{port}",
        "INFLUXDB_ORG": ORG,
        "INFLUXDB_BUCKET": "oncall",
        "INFLUXDB_RETENTION_DAYS": "30",
        "INFLUXDB_PASSWORD": "a-long-password",
        "INFLUXDB_TOKEN": TOKEN,
        "SECRET_NAME": "influxdb-auth",
        "PATIENCE_SECONDS": "0",
    }
    return {**os.environ, **told, **changes}


def run(port: int, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(COMMAND, env=environment(port, **changes), capture_output=True, text=True, check=False)


def succeed(server: Influxd, **changes: str) -> str:
    done = run(server.port, **changes)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.strip()


def fail(port: int, **changes: str) -> str:
    """Return the one sentence on which it ends."""
    done = run(port, **changes)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr.strip()


def bucket(server: Influxd, name: str) -> Any:
    """Return the bucket of this name, None where there is none."""
    found = server.call("GET", f"/api/v2/buckets?org={ORG}&limit=100")["buckets"]
    return next((each for each in found if each["name"] == name), None)


def kept_for(server: Influxd, name: str) -> int:
    """Return how many seconds a bucket keeps data; 0 for ever."""
    return sum(rule["everySeconds"] for rule in bucket(server, name)["retentionRules"])


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Influxd]:
    """A server without data."""
    server = Influxd(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def name() -> str:
    """A name that no bucket has yet."""
    return f"t-{uuid4().hex[:12]}"


@pytest.mark.influxdb
def test_a_new_one_gets_organization_bucket_and_token_and_a_repetition_changes_nothing(new):
    assert succeed(new) == f"InfluxDB is set up: organization {ORG}, bucket oncall."
    made = bucket(new, "oncall")  # asked for with the token
    assert kept_for(new, "oncall") == 30 * DAY
    assert succeed(new) == "InfluxDB is set up already, its token works; bucket oncall is as wanted."
    assert bucket(new, "oncall") == made


@pytest.mark.influxdb
def test_data_are_kept_for_ever_when_that_is_asked_for(new):
    succeed(new, INFLUXDB_RETENTION_DAYS="0")
    assert kept_for(new, "oncall") == 0
    assert succeed(new, INFLUXDB_RETENTION_DAYS="0").endswith("bucket oncall is as wanted.")


@pytest.mark.influxdb
def test_a_bucket_that_is_missing_is_made(influxd, name):
    assert succeed(influxd, INFLUXDB_BUCKET=name).endswith(f"bucket {name} was missing and is made.")
    assert kept_for(influxd, name) == 30 * DAY


@pytest.mark.influxdb
@pytest.mark.parametrize(("days", "words"), [("7", "7 days"), ("0", "ever")])
def test_another_retention_is_carried_over_and_the_bucket_stays(influxd, name, days, words):
    succeed(influxd, INFLUXDB_BUCKET=name)
    before = bucket(influxd, name)["id"]
    told = succeed(influxd, INFLUXDB_BUCKET=name, INFLUXDB_RETENTION_DAYS=days)
    assert told.endswith(f"bucket {name} keeps data for {words} from now on.")
    assert kept_for(influxd, name) == int(days) * DAY
    assert bucket(influxd, name)["id"] == before
    assert succeed(influxd, INFLUXDB_BUCKET=name, INFLUXDB_RETENTION_DAYS=days).endswith("is as wanted.")


@pytest.mark.influxdb
def test_data_that_do_not_know_the_token_are_left_alone_and_the_ways_out_are_told(influxd, name):
    told = fail(influxd.port, INFLUXDB_BUCKET=name, INFLUXDB_TOKEN="another", SECRET_NAME="mine")
    assert told.startswith("InfluxDB has data from before and does not know the token of Secret mine.")
    assert "admin-password" in told
    assert "influxdb.auth.existingSecret" in told
    assert "delete the claim of InfluxDB" in told
    assert bucket(influxd, name) is None


@pytest.mark.influxdb
def test_another_organization_is_refused_with_the_value_to_change(influxd, name):
    assert fail(influxd.port, INFLUXDB_BUCKET=name, INFLUXDB_ORG="strangers & co") == (
        "InfluxDB was set up for another organization than strangers & co: set influxdb.org to the one that it has."
    )
    assert bucket(influxd, name) is None


def test_a_server_that_does_not_answer_is_told_with_where_to_look():
    told = fail(free_port())
    assert told.startswith("InfluxDB did not answer within 0 s (")
    assert "refused" in told
    assert told.endswith("look at its pod's events and log.")


@pytest.mark.influxdb
def test_a_server_that_still_starts_is_waited_for(tmp_path):
    server = Influxd(tmp_path)
    with subprocess.Popen(COMMAND, env=environment(server.port, PATIENCE_SECONDS="25")) as script:
        try:
            server.start()
            assert script.wait(25) == 0
            assert bucket(server, "oncall")
        finally:
            script.kill()
            server.stop()
