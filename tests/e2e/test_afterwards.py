"""What must hold over the whole run; these tests are moved to its end."""

import pytest

from tests.e2e.namespaces import leftovers
from tests.support.wait import eventually

pytestmark = pytest.mark.e2e


def test_no_operator_was_restarted(operator_pods):
    assert operator_pods.restarts, "no operator was seen"
    assert {name: count for name, count in operator_pods.restarts.items() if count} == {}


def test_no_operator_logged_an_error_or_a_traceback(operator_pods):
    records = operator_pods.records()
    assert any(records.values()), "no log was seen"
    bad = {"ERROR", "CRITICAL", "TEXT"}
    found = {name: [record for record in logged if record["level"] in bad] for name, logged in records.items()}
    assert {name: logged for name, logged in found.items() if logged} == {}


async def test_every_namespace_that_was_deleted_is_gone(api):
    """Gateways, claims and all: nothing of ours holds a namespace up. Kubernetes itself takes the grace period of a pod for it, 45 s."""

    async def gone() -> bool:
        assert await leftovers(api) == []
        return True

    await eventually(gone, within=120, every=1, what="the namespaces of the tests are gone")
