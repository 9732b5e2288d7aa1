from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbuddy_core.routes import RoutingTable
from opsbuddy_operator.decide.routing import table
from tests.operator.objects import resource

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def routes(services, ready, previous=None):
    """Return the table as prefix to services."""
    built, _ = table(services, set(ready), previous)
    return {route.prefix: [backend.service for backend in route.backends] for route in built.routes}


def running(*services):
    return table(services, {service["metadata"]["name"] for service in services}, None)[0]


def test_a_service_is_routed_once_it_has_a_ready_endpoint():
    assert routes([resource("a")], []) == {}
    assert routes([resource("a")], ["a"]) == {"/api/a": ["a"]}


def test_the_route_is_kept_while_the_service_restarts():
    assert routes([resource("a")], [], running(resource("a"))) == {"/api/a": ["a"]}


def test_a_service_that_is_being_deleted_leaves_first():
    service = resource("a")
    service["metadata"]["deletionTimestamp"] = NEW
    assert routes([service], ["a"], running(resource("a"))) == {}


@pytest.mark.parametrize("spec", [{"role": "Gateway", "route": None}, {"route": None}])
def test_a_gateway_and_a_service_without_a_route_are_not_routed(spec):
    assert routes([resource("a", **spec)], ["a"]) == {}


def test_a_new_prefix_replaces_the_old_one_at_once():
    moved = resource("a", route={"prefix": "/api/new"})
    assert routes([moved], [], running(resource("a"))) == {"/api/new": ["a"]}


@pytest.mark.parametrize("spec", [{"suspend": True}, {"port": "many"}], ids=["suspended", "unreadable"])
def test_what_is_left_as_it_is_keeps_its_entry_whatever_its_spec_says_now(spec):
    before = running(resource("a"))
    later = resource("a", **({"route": {"prefix": "/api/new"}} | spec))
    assert table([later], {"a"}, before)[0] == before
    assert routes([later], ["a"]) == {}


def test_the_older_has_the_prefix_and_the_other_is_told_who_has_it():
    one, two = (
        resource("z", created=OLD, route={"prefix": "/api/x"}),
        resource("a", created=NEW, route={"prefix": "/api/x"}),
    )
    assert table([two, one], {"a", "z"}, None)[1] == {"a": "z"}
    assert routes([two, one], ["a", "z"]) == {"/api/x": ["z"]}


def test_of_the_same_age_the_first_by_name_has_it():
    both = [resource(name, route={"prefix": "/api/x"}) for name in "ba"]
    assert table(both, {"a", "b"}, None)[1] == {"b": "a"}


def test_the_older_has_it_even_before_it_is_ready():
    one, two = (
        resource("z", created=OLD, route={"prefix": "/api/x"}),
        resource("a", created=NEW, route={"prefix": "/api/x"}),
    )
    assert routes([one, two], ["a"]) == {}


def test_with_weights_on_both_they_share_the_prefix_under_the_policies_of_the_oldest():
    one = resource("z", created=OLD, route={"prefix": "/api/x", "weight": 90, "timeout": "5s"})
    two = resource("a", created=NEW, route={"prefix": "/api/x", "weight": 10, "timeout": "9s"})
    built, conflicts = table([two, one], {"a", "z"}, None)
    (route,) = built.routes
    assert [(backend.service, backend.weight) for backend in route.backends] == [("a", 10), ("z", 90)]
    assert route.timeout_seconds == 5
    assert conflicts == {}


def test_of_those_that_share_only_the_ready_ones_get_requests():
    both = [resource(name, route={"prefix": "/api/x", "weight": 1}) for name in "ab"]
    assert routes(both, ["b"]) == {"/api/x": ["b"]}


def test_one_that_shares_and_one_that_does_not_are_in_conflict():
    one = resource("a", created=OLD, route={"prefix": "/api/x", "weight": 1})
    two = resource("b", created=NEW, route={"prefix": "/api/x"})
    assert table([one, two], {"a", "b"}, None)[1] == {"b": "a"}


def test_a_suspended_one_goes_on_sharing():
    both = [resource(name, route={"prefix": "/api/x", "weight": 1}) for name in "ab"]
    before = running(*both)
    assert (
        table([resource("a", suspend=True, route={"prefix": "/api/x", "weight": 1}), both[1]], {"a", "b"}, before)[0]
        == before
    )


def test_every_policy_of_the_spec_is_in_the_table():
    policies = {
        "prefix": "/api/x", "rewrite": "/x", "methods": ["POST", "GET"], "timeout": "1500ms", "retries": 3, "loadBalancing": "LeastRequest",
        "circuitBreaker": {"failures": 2, "openFor": "2m"}, "rateLimit": {"requestsPerSecond": 5, "burst": 9, "by": "Token"},
        "authentication": {"methods": ["JWT"], "roles": ["admin"]}, "cors": {"allowOrigins": ["https://ops.example.com"], "maxAge": "5m"},
        "maxBodySize": "1.5Mi",
    }  # fmt: skip
    (route,) = running(resource("a", route=policies)).routes
    assert route.model_dump(by_alias=True, exclude_none=True, mode="json") == {
        "prefix": "/api/x", "rewrite": "/x", "methods": ["GET", "POST"], "timeoutSeconds": 1.5, "retries": 3, "loadBalancing": "LeastRequest",
        "circuitBreaker": {"failures": 2, "openSeconds": 120}, "rateLimit": {"requestsPerSecond": 5, "burst": 9, "by": "Token"},
        "authentication": {"mode": "Required", "methods": ["JWT"], "roles": ["admin"]},
        "cors": {"allowOrigins": ["https://ops.example.com"], "allowCredentials": False, "maxAge": "5m"}, "maxBodyBytes": 1572864,
        "backends": [{"service": "a", "port": 8001, "weight": 100}],
    }  # fmt: skip


def _service(name, created, prefix, weight, suspend):
    route = {"prefix": prefix, "weight": weight} if weight else {"prefix": prefix}
    return resource(name, created=created, route=route, suspend=suspend)


SERVICES = st.builds(
    _service,
    st.sampled_from("abcde"),
    st.sampled_from([OLD, NEW]),
    st.sampled_from(["/api/x", "/api/y", "/api/x/y"]),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
)
GROUPS = st.lists(SERVICES, max_size=4, unique_by=lambda service: service["metadata"]["name"])


@settings(deadline=None)
@given(GROUPS, GROUPS, st.sets(st.sampled_from("abcde")))
def test_the_bytes_do_not_depend_on_the_order_of_the_resources(before, services, ready):
    previous, _ = table(before, set("abcde"), None)
    answers = {
        (table(order, ready, previous)[0].text(), tuple(sorted(table(order, ready, previous)[1].items())))
        for order in permutations(services)
    }
    assert len(answers) == 1


@settings(deadline=None)
@given(GROUPS, st.sets(st.sampled_from("abcde")))
def test_a_table_is_read_back_as_it_was_written_and_built_again_the_same(services, ready):
    built, conflicts = table(services, ready, None)
    assert RoutingTable.parse(built.text()) == built
    assert table(services, ready, built) == (built, conflicts)
    routed = {backend.service for route in built.routes for backend in route.backends}
    assert not routed & set(conflicts)
