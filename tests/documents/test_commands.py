"""What the documents tell people to type works, or is named with the test that shows it."""

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import httpx2
import pytest
import yaml

from opsbuddy_core.resource import OpsBuddyServiceSpec
from tests.documents.commands import ROOT, collect, commands
from tests.support.demo import demo

OFFSET = 24_200


def test_each_command_is_run_or_named_with_the_test_that_shows_it() -> None:
    lost = [f"{each.page}: {each.text}" for each in collect() if not each.is_run and not each.reason]
    assert not lost, "run these, or say in tests/documents/commands.py why not:\n" + "\n".join(lost)


def test_each_reason_belongs_to_a_command_and_names_tests_that_exist() -> None:
    for reason in {each.reason for each in collect()} - {None}:
        for path in re.findall(r"tests/[\w/]+(?:\.py)?", str(reason)):
            assert (ROOT / path).exists(), f"{reason}: {path} is not there"


def test_comments_prompts_and_handed_texts_are_no_commands() -> None:
    page = "```sh\n# alone\n$ make help  # the list\ncat > a <<'EOF'\nb: c\nEOF\nserve &\n```\n```yaml\nd: e\n```\n"
    assert list(commands(page)) == ["make help", "cat > a", "serve"]


def test_resources_in_the_documents_are_what_the_operator_reads() -> None:
    tutorial = (ROOT / "docs" / "tutorial.md").read_text()
    described = re.findall(r"<<'EOF'\n(.*?)^EOF$", tutorial, re.MULTILINE | re.DOTALL)
    assert described
    for text in described:
        OpsBuddyServiceSpec.model_validate(yaml.safe_load(text)["spec"])


@pytest.mark.process
@pytest.mark.parametrize(
    "program", ["backup", "demo", "tests.audit", "tests.bench", "tests.generated", "tests.ui.screenshots"]
)
def test_a_program_of_the_repository_answers_help_and_does_nothing_for_a_word_that_it_does_not_know(
    program: str,
) -> None:
    def run(word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", program, word]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=25, check=False)

    asked, unknown = run("--help"), run("--fly")
    assert (asked.returncode, asked.stdout[: len(f"usage: python -m {program}")]) == (0, f"usage: python -m {program}")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert f"usage: python -m {program}" in unknown.stderr


@pytest.mark.demo
@pytest.mark.timeout(240)
def test_what_can_be_typed_beside_a_demo_works(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "example.txt").write_text("an example\n")
    failed = []
    with demo(tmp_path / "data", OFFSET) as addresses:
        for _, page in groupby(filter(lambda each: each.is_run, collect()), key=lambda each: each.page):
            _forget_files(addresses["file-service"])  # a reader of one page has not typed the other pages
            for each in page:
                failed += _failure(each.text, tmp_path)
    assert not failed, "\n\n".join(failed)


def _forget_files(service: str) -> None:
    for file in httpx2.get(f"{service}/files", timeout=20).json()["files"]:
        httpx2.delete(f"{service}/files/{file['id']}", timeout=20).raise_for_status()


def _failure(text: str, folder: Path) -> list[str]:
    moved = re.sub(r"(\blocalhost:)(\d+)", lambda found: f"{found[1]}{int(found[2]) + OFFSET}", text)
    moved = moved.replace("curl ", "curl --fail-with-body --silent --show-error --max-time 30 ", 1)
    moved = moved.replace(".venv/bin/", f"{ROOT}/.venv/bin/").replace(
        "make ", f"make --no-print-directory -C {ROOT} ", 1
    )
    done = subprocess.run(["bash", "-c", moved], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return [f"{text}\nexit code {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"] if done.returncode else []
