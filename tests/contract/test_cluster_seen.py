"""What tests of the cluster see and show of it, on a kubectl that repeats its words, and on one of no use."""

from pathlib import Path

import pytest

from tests.e2e import failure, operator_pods
from tests.support.wait import eventually

pytestmark = pytest.mark.contract
REPEATS = """#!/bin/sh
shift 4
case "$*" in
  *"get pods -o name") echo pod/web-1; echo pod/web-2 ;;
  *"get events"*) for i in $(seq 50); do echo "event $i"; done ;;
  *) echo "it says: $*" ;;
esac
"""


WATCHED = """#!/bin/sh
case "$*" in
  *" logs "*) echo '{"level": "INFO"}' ;;
  *) echo "opsbuddy operator-1 $(cat "$0.ended" 2>/dev/null || echo 0) now"; [ -e "$0.ended" ] && exec sleep 30; echo 1 >"$0.ended" ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in (failure, operator_pods):
        monkeypatch.setattr(module, "BIN", tmp_path)
    return tmp_path / "kubectl"


def made(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


def test_a_failed_test_shows_states_events_pods_and_what_each_said_last(kubectl: Path) -> None:
    made(kubectl, REPEATS)
    said = failure.report(Path("kubeconfig"), "t").splitlines()
    assert any(line.startswith("it says: get opsbuddyservices,deployments,pods,") for line in said)
    assert any(".status.conditions" in line for line in said)
    assert "event 50" in said
    assert "event 1" not in said, "the newest are enough"
    for pod in ("pod/web-1", "pod/web-2"):
        assert f"it says: logs {pod} --all-containers --tail=20" in said
    assert "it says: logs -n opsbuddy deployment/opsbuddy-operator --tail=40" in said


@pytest.mark.parametrize("text", ["#!/bin/sh\nexec sleep 30\n", "#!/bin/sh\necho no such host >&2; exit 1\n", ""])
def test_a_cluster_that_says_nothing_any_more_hides_no_failure(
    kubectl: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(failure, "PATIENCE", 0.2)
    if text:
        made(kubectl, text)
    said = failure.report(Path("kubeconfig"), "t")
    assert "$ kubectl -n t get events" in said
    assert any(words in said for words in ("timed out", "no such host", "No such file"))


async def test_a_watch_of_the_operators_pods_that_ends_is_begun_anew(kubectl: Path, tmp_path: Path) -> None:
    made(kubectl, WATCHED)
    pods = operator_pods.OperatorPods(Path("kubeconfig"), tmp_path)
    pods.start()
    try:

        async def seen() -> bool:
            return pods.restarts == {"operator-1": 1} and pods.records() == {"operator-1": [{"level": "INFO"}]}

        await eventually(seen)
    finally:
        pods.stop()
