"""The bucket of InfluxDB 2, by the way that `influx backup` and `influx restore` take: the parts in which it lies on disk, as they are.

Needs a token that may do everything (the operator's, which InfluxDB makes when it is set up). A restore fills a bucket of another name. Only when
that is whole they change names, and what was there is removed last: wherever this is cut short, all data are in one bucket or the other, and the
next restore finds which.
"""

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from typing_extensions import override

from opsbuddy_core.backup.archive import BackupError, Writer
from opsbuddy_core.backup.tool import Part
from opsbuddy_core.settings import InfluxSettings

FILE, SHARDS = "bucket.json", "shards"
LIMIT = 120.0  # seconds without a byte
AGAIN = (0.5, 2.0, 5.0)  # seconds after which a busy InfluxDB, which answers 500, is asked for the same once more
HARMLESS_TWICE = ("DELETE", "GET", "PATCH")
RESTORED, REPLACED = ".restored", ".replaced"  # of names that a bucket has only during a restore


class Bucket(Part):
    """The bucket of the settings."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._url, self._org, self._name = settings.influxdb_url, settings.influxdb_org, settings.influxdb_database
        token = settings.influxdb_token.get_secret_value() if settings.influxdb_token else ""
        self._headers = {"Authorization": f"Token {token}"}

    @override
    def save(self, archive: Writer, draft: Path) -> None:
        bucket = self._metadata()
        for shard in _shards(bucket):
            copy = draft / str(shard)
            try:
                with self._ask("GET", f"/api/v2/backup/shards/{shard}") as answer, copy.open("wb") as out:
                    shutil.copyfileobj(answer, out)
            except _RefusedError as refused:
                if (
                    refused.status != HTTPStatus.NOT_FOUND
                ):  # its time was up: the bucket's rule has removed it meanwhile
                    raise
                continue
            archive.add_file(f"{SHARDS}/{shard}", copy)
            copy.unlink()
        archive.add_bytes(FILE, json.dumps(bucket).encode())

    @override
    def hindrance(self, *, force: bool) -> str | None:
        if force or not (self._occupied(self._name) or self._occupied(self._name + REPLACED)):
            return None
        return f"The bucket {self._name} has data already; --force replaces it."

    @override
    def load(self, folder: Path) -> None:
        bucket = json.loads((folder / FILE).read_text())
        self._mend()
        draft = self._fill(bucket, folder)
        there = self._find(self._name)
        try:
            if there:
                self._remove(self._name + REPLACED)
                self._rename(there, self._name + REPLACED)
            self._rename(draft, self._name)
        except BaseException:
            with suppress(BackupError):
                self._mend()
                self._remove(self._name + RESTORED)
            raise
        self._remove(self._name + REPLACED)

    def _mend(self) -> None:
        """Give its name back to a bucket from which it was taken by a restore that was cut short."""
        replaced = self._find(self._name + REPLACED)
        if replaced and not self._find(self._name):
            self._rename(replaced, self._name)

    def _fill(self, bucket: dict[str, Any], folder: Path) -> str:
        """Return the id of a bucket of another name that has what is in the folder."""
        draft = self._name + RESTORED
        self._remove(draft)
        bucket |= {"organizationID": self._org_id(), "organizationName": self._org, "bucketName": draft}
        made = self._json("POST", "/api/v2/restore/bucketMetadata", json.dumps(bucket).encode())
        try:
            numbers = {mapping["oldId"]: mapping["newId"] for mapping in made["shardMappings"]}
            for shard in _shards(bucket):
                path = folder / SHARDS / str(shard)
                if path.exists() and shard in numbers:
                    with path.open("rb") as content:
                        self._ask(
                            "POST", f"/api/v2/restore/shards/{numbers[shard]}", content, path.stat().st_size
                        ).close()
        except BaseException:
            with suppress(BackupError):
                self._remove(draft)
            raise
        return str(made["id"])

    def _metadata(self) -> dict[str, Any]:
        with self._ask("GET", "/api/v2/backup/metadata") as answer:
            head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
            document = BytesParser(policy=HTTP).parsebytes(head + answer.read())
        for part in document.iter_parts():
            if part.get_param("name", header="content-disposition") == "buckets":
                for bucket in json.loads(part.get_payload(decode=True)):  # type: ignore[arg-type]  # bytes, of a part that has no parts
                    if (bucket["organizationName"], bucket["bucketName"]) == (self._org, self._name):
                        return dict(bucket)
        raise BackupError(f"InfluxDB has no bucket {self._name} of the organization {self._org}.")

    def _occupied(self, name: str) -> bool:
        source = f"from(bucket: {json.dumps(name)})"
        flux = f'{source} |> range(start: 0) |> limit(n: 1) |> keep(columns: ["_time"]) |> limit(n: 1)'
        body = json.dumps({"query": flux, "type": "flux"}).encode()
        query = urllib.parse.urlencode({"org": self._org})
        if not self._find(name):
            return False
        with self._ask("POST", f"/api/v2/query?{query}", body) as answer:
            return bool(answer.read().strip())

    def _org_id(self) -> str:
        found = self._json("GET", f"/api/v2/orgs?{urllib.parse.urlencode({'org': self._org})}")
        return str(found["orgs"][0]["id"])

    def _remove(self, name: str) -> None:
        if found := self._find(name):
            try:
                self._ask("DELETE", f"/api/v2/buckets/{found}").close()
            except _RefusedError as refused:
                if refused.status != HTTPStatus.NOT_FOUND:  # it is gone, although the first answer was that it is not
                    raise

    def _rename(self, bucket: str, name: str) -> None:
        self._json("PATCH", f"/api/v2/buckets/{bucket}", json.dumps({"name": name}).encode())

    def _find(self, name: str) -> str | None:
        """Return the id of the bucket."""
        query = urllib.parse.urlencode({"org": self._org, "name": name})
        try:
            found = self._json("GET", f"/api/v2/buckets?{query}").get("buckets", [])
        except _RefusedError as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise
            return None
        return str(found[0]["id"]) if found else None

    def _json(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        with self._ask(method, path, body) as answer:
            return dict(json.load(answer))

    def _ask(self, method: str, path: str, body: bytes | IO[bytes] | None = None, size: int | None = None) -> Any:
        for pause in AGAIN if method in HARMLESS_TWICE else ():
            try:
                return self._ask_once(method, path, body, size)
            except _RefusedError as refused:
                if refused.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
            time.sleep(pause)  # a command of its own, in which nothing else waits
        return self._ask_once(method, path, body, size)

    def _ask_once(self, method: str, path: str, body: bytes | IO[bytes] | None, size: int | None) -> Any:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = "application/json" if size is None else "application/octet-stream"
        if size is not None:
            headers["Content-Length"] = str(size)
        request = urllib.request.Request(f"{self._url}{path}", data=body, headers=headers, method=method)  # noqa: S310 - http, of the settings
        try:
            return urllib.request.urlopen(request, timeout=LIMIT)  # noqa: S310 - likewise
        except urllib.error.HTTPError as error:
            with error:
                said = " ".join(error.read(500).decode(errors="replace").split())
            raise _RefusedError(error.code, f"InfluxDB answers {error.code}: {said}") from error
        except OSError as error:
            raise BackupError(f"InfluxDB cannot be reached ({error}).") from error


class _RefusedError(BackupError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _shards(bucket: dict[str, Any]) -> Iterator[int]:
    for policy in bucket["retentionPolicies"]:
        for group in policy["shardGroups"] or ():
            if not group.get("deletedAt"):
                yield from (shard["id"] for shard in group["shards"] or ())
