import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from opsbuddy_gateway.models import Address
from opsbuddy_gateway.settings import GatewaySettings
from opsbuddy_gateway.storage.endpoints_dns import DnsEndpoints
from opsbuddy_gateway.storage.endpoints_kubernetes import KubernetesEndpoints
from opsbuddy_gateway.storage.endpoints_static import parse_endpoints
from opsbuddy_gateway.storage.routes_file import FileTable
from tests.support.wait import eventually


@pytest.mark.parametrize(
    "text",
    [
        '{"a": ["127.0.0.1:1", "[::1]:2"], "b": []}',
        "a=127.0.0.1:1,[::1]:2;b=",
        " a=127.0.0.1:1 , [::1]:2 ; b= ;",
    ],
)
def test_static_endpoints_are_read_in_both_notations(text):
    assert parse_endpoints(text) == {"a": (Address("127.0.0.1", 1), Address("::1", 2)), "b": ()}


@pytest.mark.parametrize("text", ["a", "=x:1", "a=x", "a=x:0", "a=x:70000", "a=:1", '{"a": ["x"]}', '{"a"', '{"a": 1}'])
def test_a_mistake_in_static_endpoints_ends_the_start(text):
    with pytest.raises(ValidationError):
        GatewaySettings(_env_file=None, static_endpoints=text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"extra_checks": "ui"},
        {"extra_checks": "ui=ftp://x"},
        {"trusted_proxies": "10.0.0.0/99"},
        {"routes_from": "etcd"},
        {"routes_from": "kubernetes"},
    ],
)
def test_settings_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(ValidationError):
        GatewaySettings(_env_file=None, **wrong)


@pytest.mark.parametrize(
    ("extra", "checks"),
    [
        ("", {"influxdb": "http://db:8087/health"}),
        ("ui=http://ui/health", {"ui": "http://ui/health", "influxdb": "http://db:8087/health"}),
        ("influxdb=http://other/ping", {"influxdb": "http://other/ping"}),
    ],
)
def test_influxdb_is_checked_where_its_host_is_known_unless_told_otherwise(extra, checks):
    settings = GatewaySettings(_env_file=None, extra_checks=extra, influxdb_host="db", influxdb_port=8087)
    assert settings.checks == checks
    assert "influxdb" not in GatewaySettings(_env_file=None).checks


@pytest.mark.parametrize(
    ("env", "routes", "endpoints"),
    [
        ({}, "file", "dns"),
        ({"STATIC_ENDPOINTS": "a=b:1"}, "file", "static"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "POD_NAMESPACE": "ops"}, "kubernetes", "kubernetes"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "file", "dns"),
        ({"ROUTES_FROM": "file:/x/routes.json", "ENDPOINTS_FROM": "static:a=b:1"}, "file", "static"),
    ],
)
def test_sources_are_chosen_by_where_the_gateway_runs(monkeypatch, env, routes, endpoints):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = GatewaySettings(_env_file=None)
    assert (settings.effective_routes_from, settings.effective_endpoints_from) == (routes, endpoints)
    if "ROUTES_FROM" in env:
        assert settings.effective_routes_file == Path("/x/routes.json")
        assert settings.endpoints == {"a": (Address("b", 1),)}


def test_the_port_has_the_name_of_the_gateway_first(monkeypatch):
    monkeypatch.setenv("SERVICE_PORT", "1")
    assert GatewaySettings(_env_file=None).service_port == 1
    monkeypatch.setenv("GATEWAY_PORT", "2")
    assert GatewaySettings(_env_file=None).service_port == 2


async def test_names_are_resolved_and_one_that_is_unknown_has_no_endpoint():
    source, changes = DnsEndpoints(0.05), []
    assert source.addresses("localhost", 8001) == ()
    assert not source.ready
    running = asyncio.create_task(source.run(lambda: changes.append(1)))

    async def resolved() -> bool:
        return source.ready and Address("127.0.0.1", 8001) in source.addresses("localhost", 8001)

    await eventually(resolved)
    assert changes
    assert source.addresses("no-such-service.invalid", 8001) == ()

    async def tried() -> bool:
        return source.ready

    await eventually(tried)
    assert source.addresses("no-such-service.invalid", 8001) == ()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_file_is_offered_whenever_it_changes_and_its_absence_too(tmp_path):
    file, new, offered = tmp_path / "routes.json", tmp_path / "new", []
    running = asyncio.create_task(FileTable(file, 0.01).run(lambda text, _: offered.append(text)))

    async def offers(*expected: str | None) -> bool:
        return offered == list(expected)

    await eventually(lambda: offers(None))
    new.write_text("one")
    new.replace(file)  # as a whole: one that is written in place is empty for a moment
    await eventually(lambda: offers(None, "one"))
    new.write_text("two")
    new.replace(file)
    await eventually(lambda: offers(None, "one", "two"))
    file.unlink()
    await eventually(lambda: offers(None, "one", "two", None))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def endpoint_slice(
    name: str,
    *addresses: str,
    ready: bool | None = True,
    ports: list[dict[str, object]] | None = None,
    **conditions: bool,
) -> dict[str, object]:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": "file-service"}, "resourceVersion": "1"},
        "addressType": "IPv4",
        "ports": ports or [{"name": "http", "port": 8001}],
        "endpoints": [
            {"addresses": [address], "conditions": conditions | ({} if ready is None else {"ready": ready})}
            for address in addresses
        ],
    }


async def test_only_ready_pods_of_all_slices_of_a_service_count():
    source, changes = KubernetesEndpoints("ops", None), []
    source._changed = lambda: changes.append(1)
    source.listed(
        [
            endpoint_slice("a", "10.0.0.1"),
            endpoint_slice("b", "10.0.0.2", ready=None),
            endpoint_slice("c", "10.0.0.3", ready=False),
        ]
    )
    assert source.ready
    assert source.addresses("file-service", 80) == (Address("10.0.0.1", 8001), Address("10.0.0.2", 8001))
    assert source.addresses("another", 80) == ()
    source.changed(endpoint_slice("c", "10.0.0.3"))
    source.deleted(endpoint_slice("a"))
    assert source.addresses("file-service", 80) == (Address("10.0.0.2", 8001), Address("10.0.0.3", 8001))
    assert len(changes) == 3


def test_pods_that_end_take_requests_while_no_other_is_ready_and_they_still_serve():
    source = KubernetesEndpoints("ops", None)
    ending = endpoint_slice("a", "10.0.0.1", ready=False, serving=True, terminating=True)
    source.listed([ending, endpoint_slice("b", "10.0.0.2", ready=False, serving=False, terminating=True)])
    assert source.addresses("file-service", 80) == (Address("10.0.0.1", 8001),)
    source.changed(endpoint_slice("b", "10.0.0.2", "10.0.0.3"))
    assert source.addresses("file-service", 80) == (Address("10.0.0.2", 8001), Address("10.0.0.3", 8001))
    source.changed(endpoint_slice("b", "10.0.0.2", "10.0.0.3", ready=False, serving=False, terminating=True))
    source.changed(endpoint_slice("a", "10.0.0.1", ready=False, serving=False, terminating=True))
    assert source.addresses("file-service", 80) == ()


async def test_pods_are_asked_for_a_while_after_their_slice_went_with_its_service_unless_others_are_ready():
    source, changes = KubernetesEndpoints("ops", None, linger=0.05), []
    source._changed = lambda: changes.append(source.addresses("file-service", 80))
    source.listed([endpoint_slice("a", "10.0.0.1"), endpoint_slice("b", "10.0.0.2", ready=False)])
    source.deleted(endpoint_slice("a"))
    assert changes[-1] == (Address("10.0.0.1", 8001),)
    source.changed(endpoint_slice("b", "10.0.0.2"))
    assert changes[-1] == (Address("10.0.0.2", 8001),)
    source.deleted(endpoint_slice("b"))
    assert changes[-1] == (Address("10.0.0.1", 8001), Address("10.0.0.2", 8001))

    async def forgotten() -> bool:
        return changes[-1] == ()

    await eventually(forgotten, what="the slices are forgotten")
    source.changed(endpoint_slice("a", "10.0.0.1"))
    assert changes[-1] == (Address("10.0.0.1", 8001),)


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"name": "x", "port": 9000}], 9000),
        ([{"name": "metrics", "port": 9000}, {"name": "web", "port": 8001}], 8001),
        ([{"name": "metrics", "port": 9000}, {"name": "http", "port": 8080}], 8080),
        ([{"name": "a", "port": 1}, {"name": "b", "port": 2}], None),
    ],
)
def test_the_port_of_the_pods_is_found(ports, expected):
    source = KubernetesEndpoints("ops", None)
    source.listed([endpoint_slice("a", "10.0.0.1", ports=ports)])
    assert source.addresses("file-service", 8001) == ((Address("10.0.0.1", expected),) if expected else ())
