"""A real S3 server: one versitygw for the session, a fresh bucket for each test."""

import hashlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from aws_request_signer import AwsRequestSigner

from tests.support.influxdb import free_port
from tests.support.programs import BIN

BINARY = BIN / "versitygw"
KEY, SECRET, REGION = "test-key", "test-secret", "us-east-1"


@dataclass(frozen=True)
class Bucket:
    """A bucket, and how a service is told about it."""

    endpoint: str
    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}/some/prefix"

    def environment(self) -> dict[str, str]:
        return {
            "OBJECT_STORE_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def objects(self) -> list[str]:
        """Return the keys of all objects."""
        document = ET.fromstring(self.ask("GET", "list-type=2"))  # noqa: S314 - our own server
        return [element.text or "" for element in document.iterfind("{*}Contents/{*}Key")]

    def unfinished(self) -> list[str]:
        """Return the keys of multipart uploads that nobody has completed."""
        document = ET.fromstring(self.ask("GET", "uploads="))  # noqa: S314 - our own server
        return [element.text or "" for element in document.iterfind("{*}Upload/{*}Key")]

    def ask(self, method: str, query: str = "") -> bytes:
        url = f"{self.endpoint}/{self.name}" + (f"?{query}" if query else "")
        signer = AwsRequestSigner(REGION, KEY, SECRET, "s3")
        headers = signer.sign_with_headers(method, url, content_hash=hashlib.sha256(b"").hexdigest())
        request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
            body: bytes = answer.read()
        return body


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server."""
    if not BINARY.exists():
        raise AssertionError(f"{BINARY} is missing: make it with tests/cluster/build.sh versitygw")
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    (folder / "data").mkdir()
    environment = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET, "PATH": os.environ["PATH"]}
    command = [str(BINARY), "--port", f"127.0.0.1:{port}", "--region", REGION, "posix", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        _wait(process, f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def s3_bucket(s3_server: str) -> Bucket:
    """An empty bucket."""
    bucket = Bucket(s3_server, f"b{uuid4().hex[:12]}")
    bucket.ask("PUT")
    return bucket


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310 - loopback
        except urllib.error.HTTPError:
            return  # it answers, if only that nobody may ask without a key
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"versitygw does not answer: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return
