"""What is installed is what was locked, and the audit says so where it is not."""

import json
from pathlib import Path

import pytest

from tests import audit

LOCK = 'one==1.0 \\\n    --hash=sha256:aa\ntwo-words==2.0 ; python_full_version < "3.12" \\\n    --hash=sha256:bb\nthree==3.0\n'


def test_a_package_without_a_hash_is_named() -> None:
    assert audit.unpinned(LOCK) == ["three 3.0 has no hash in the lock"]


def test_what_is_installed_beside_the_lock_is_named() -> None:
    locked = audit.versions(LOCK)
    assert audit.strangers(locked, {"one": "1.0", "two-words": "2.0"}) == []
    assert audit.strangers(locked, {"one": "1.1", "four": "4"}) == [
        "four 4 is installed, the lock has none of it",
        "one 1.1 is installed, the lock has 1.0",
    ]


def test_this_repository_pins_everything_by_hash() -> None:
    text = audit.LOCK.read_text()
    assert len(audit.versions(text)) > 100
    assert audit.unpinned(text) == []


@pytest.mark.process
def test_the_bill_of_materials_has_every_package_with_its_version_and_who_needs_whom(tmp_path: Path) -> None:
    assert audit.write_bill(tmp_path / "bill.json") > 100
    bill = json.loads((tmp_path / "bill.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed = {audit.normal(each["name"]): each for each in bill["components"]}
    present = audit.installed()
    assert present.items() <= {name: each["version"] for name, each in listed.items()}.items()
    assert listed["pydantic"]["licenses"]
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert listed["pydantic-core"]["bom-ref"] in needs[listed["pydantic"]["bom-ref"]]


@pytest.mark.process
@pytest.mark.parametrize(
    ("known", "code", "says"),
    [
        (
            None,
            audit.UNKNOWN,
            "no advisory service could be asked, so nothing is known about vulnerabilities: no route",
        ),
        ([], 0, "no known vulnerability\n"),
        ([{"id": "X-1", "fix_versions": ["2.1"]}], 1, "one 1.0: X-1, mended in 2.1\n"),
    ],
    ids=["nobody answers", "nothing is known", "something is known"],
)
def test_what_an_advisory_service_knows_is_said(
    known: list[object] | None,
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = json.dumps({"dependencies": [{"name": "one", "version": "1.0", "vulns": known}]})
    gives = "echo no route >&2; exit 1" if known is None else f"for last; do :; done; echo '{answer}' >\"$last\""
    (tmp_path / "pip-audit").write_text(f"#!/bin/sh\n{gives}\n")
    (tmp_path / "pip-audit").chmod(0o755)
    monkeypatch.setattr(audit, "_program", lambda name: str(tmp_path / name))
    assert audit.ask() == code
    said = capsys.readouterr()
    assert (said.out + said.err).startswith(says)
