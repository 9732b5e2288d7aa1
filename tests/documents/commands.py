"""The commands that the documents tell people to type: each line of a `sh` block, and each of a block of a chart's README, with what becomes of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md")
BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?\n.*?^\1\n", re.MULTILINE | re.DOTALL)

RUN = (
    r"curl .*\blocalhost:\d+",
    r"make help$",
    r"\.venv/bin/[\w-]+ --help$",
)
"""Commands that the test types, the ports moved to a demo of its own."""

NOT_RUN = {
    r"make demo$": "tests/demo/test_demo.py starts the demo",
    r"make (test|check|bench)$": "it runs these tests",
    r"\.venv/bin/python -m tests\.bench ": "it measures, which takes a quiet machine; tests/bench/test_bench.py",
    r"curl -N ": "it follows and does not end; tests/services/analytics_service/test_tail.py",
    r"make audit$": "tests/documents/test_audit.py; the whole asks an advisory service",
    r"\.venv/bin/opsbuddy-file-service$": "it serves on and on; tests/core/test_server.py",
    r"\.venv/bin/pytest ": "it runs these tests",
    r"make docs$": "tests/documents/test_site.py builds it",
    r"make (up|down)$": "tests/cluster/test_scripts.py; tests/e2e runs on what it makes",
    r"\.venv/bin/pre-commit install$": "it changes the clone of whoever runs the tests",
    r"\.venv/bin/python -m demo --influxdb$|INFLUXDB_HOST=": "needs an InfluxDB; tests/contract/test_description.py",
    r"make (backup|restore) ": "tests/demo/test_backup.py; of compose tests/compose/test_compose.py; of a cluster tests/e2e/test_backup.py",
    r"tar -xf monday\.tar ": "of the file that make backup writes; tests/core/test_backup.py",
    r"kubectl .*get obs -o yaml": "needs a cluster, and changes nothing",
    r"docker(-| )compose ": "needs a Docker daemon; tests/compose",
    r"docker ": "needs a Docker daemon; tests/compose",
    r"kubectl .*port-forward ": "needs a cluster; tests/e2e/test_install.py forwards ports",
    r"kubectl .*\bobs archive|kubectl .*archive\.yaml|kubectl .*obs/archive|cat > archive\.yaml": "needs a cluster; "
    "the resource is checked by tests/documents/test_commands.py, its life by tests/e2e/test_lifecycle.py and test_mistakes.py",
    r"kubectl apply .*manifests/": "needs a cluster; tests/e2e/test_install.py",
    r"kubectl apply .*crds/": "needs a cluster; tests/contract/test_crd_upgrade.py",
    r"kubectl .*wait obs": "needs a cluster; tests/e2e/test_install.py",
    r"kubectl .*scale |kubectl .*get obs ": "needs a cluster; tests/e2e/test_lifecycle.py",
    r"kubectl .*patch obs/": "needs a cluster; tests/contract/test_crd_on_server.py",
    r"kubectl .*create secret ": "needs a cluster; tests/e2e/test_gateway_access.py",
    r"OTEL_\S+=\S+ make demo$": "it starts the demo; tests/services/gateway/test_traces.py",
    r"helm (install|upgrade) ": "needs a cluster; tests/e2e/test_upgrade.py and test_gateway_access.py",
    r"curl .*\$key": "needs a key; tests/services/gateway/test_access.py",
    r"curl .*/api/archive$": "needs the service of the tutorial; tests/e2e/test_routes.py",
    r"key=\$\(openssl ": "makes a key; tests/services/gateway/test_credentials.py",
}
"""Commands that need what a test of the documents has not, and where they are shown to work."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, and the page that tells people to type it."""

    page: str
    text: str

    @property
    def is_run(self) -> bool:
        return not self.reason and any(re.match(pattern, self.text) for pattern in RUN)

    @property
    def reason(self) -> str | None:
        return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, self.text)), None)


def collect() -> Iterator[Command]:
    """Yield every command of every page."""
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            for text in commands(path.read_text()):
                yield Command(str(path.relative_to(ROOT)), text)


def commands(page: str) -> Iterator[str]:
    """Yield the commands of a page: without comments, prompts and the texts that are handed to them."""
    for block in BLOCK.findall(page):
        lines = HERE_DOCUMENT.sub("\n", block).replace("\\\n", " ").splitlines()
        for line in lines:
            if text := re.sub(r"(^|\s+)#\s.*$|\s+&$|^\$ ", "", line.strip()).strip():
                yield text
