"""What is read from an API server, and what is said when it cannot be."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsbuddy_core.errors import OpsBuddyError
from opsbuddy_ui_service.clients.cluster import KEPT, PAGE, PAGES, ApiServer, cluster_of
from opsbuddy_ui_service.settings import UiSettings
from tests.support.certificates import self_signed
from tests.support.fake_api_server import HOST, NAMESPACE, FakeApiServer, resource


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer.running(tmp_path / "account") as server:
        yield server


def settings(server: FakeApiServer, **more: object) -> UiSettings:
    given = {name.lower(): value for name, value in server.environment.items()}
    return UiSettings.model_validate({"kubernetes_timeout": 5} | given | more)


async def words(server: FakeApiServer, **more: object) -> str:
    """Return why nothing can be read."""
    with pytest.raises(OpsBuddyError) as caught:
        await ApiServer(settings(server, **more)).resources()
    return caught.value.detail


def names(count: int) -> list[str]:
    return [f"service-{number:03}" for number in range(count)]


async def test_all_pages_of_a_list_are_read_in_the_order_of_their_names(server: FakeApiServer) -> None:
    server.resources = [resource(name) for name in reversed(names(2 * PAGE + 1))]
    listing = await ApiServer(settings(server)).resources()
    assert [each.name for each in listing.found] == names(2 * PAGE + 1)
    assert listing.complete
    assert [asked.get("continue") for asked in server.asked] == [None, str(PAGE), str(2 * PAGE)]
    assert {asked["limit"] for asked in server.asked} == {str(PAGE)}


async def test_a_list_without_end_is_read_so_far_and_called_incomplete(server: FakeApiServer) -> None:
    server.resources = [resource(name) for name in names(PAGE * PAGES + 1)]
    listing = await ApiServer(settings(server)).resources()
    assert (len(listing.found), listing.complete) == (PAGE * PAGES, False)


async def test_a_list_that_expires_between_two_pages_is_read_again_once(server: FakeApiServer) -> None:
    server.resources = [resource(name) for name in names(PAGE + 1)]
    server.expire = 1
    assert len((await ApiServer(settings(server)).resources()).found) == PAGE + 1
    server.expire = 2
    assert await words(server) == "The list of OpsBuddyServices changed while it was read."


async def test_all_who_ask_within_a_few_seconds_share_an_answer_and_a_refusal(server: FakeApiServer) -> None:
    clock = Clock()
    cluster = ApiServer(settings(server), clock)
    server.resources = [resource("web")]
    answers = await asyncio.gather(*(cluster.resources() for _ in range(10)))
    assert len({id(answer) for answer in answers}) == len(server.asked) == 1
    server.answer = (403, b"{}")
    clock.now += KEPT - 0.1
    assert await cluster.resources() is answers[0]
    clock.now += 0.2
    for _ in range(3):
        with pytest.raises(OpsBuddyError):
            await cluster.resources()
    assert len(server.asked) == 2
    server.answer = None
    clock.now += KEPT
    assert (await cluster.resources()).found == answers[0].found


async def test_a_token_that_was_replaced_is_the_one_that_is_shown(server: FakeApiServer) -> None:
    clock = Clock()
    cluster = ApiServer(settings(server), clock)
    await cluster.resources()
    server.token = "second"
    clock.now += KEPT
    with pytest.raises(OpsBuddyError, match=r"does not accept the token in .*account"):
        await cluster.resources()
    (server.account / "token").write_text("second\n")
    clock.now += KEPT
    assert (await cluster.resources()).found == ()


FORBIDDEN = {"message": 'opsbuddyservices is forbidden: User "x" cannot list', "reason": "Forbidden"}


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            403,
            json.dumps(FORBIDDEN).encode(),
            "its own resource needs role: Console. It says: opsbuddyservices is forbidden",
        ),
        (404, b'{"message": "not found"}', "knows no OpsBuddyServices: the CRD is not installed. It says: not found"),
        (429, b"{}", "The API server answered 429."),
        (500, b"<html>", "The API server answered 500."),
        (302, b"", "The API server answered 302."),
        (200, b"", "answered with something that is no list"),
        (200, b"[1]", "answered with something that is no list"),
        (200, b'{"items": {"a": 1}}', "answered with something that is no list"),
        (200, b'{"items": [', "answered with something that is no list"),
    ],
)
async def test_a_bad_answer_has_words_of_its_own(server: FakeApiServer, status: int, body: bytes, said: str) -> None:
    server.answer = (status, body)
    assert said in await words(server)


async def test_what_the_server_says_at_length_is_cut(server: FakeApiServer) -> None:
    server.answer = (500, json.dumps({"message": "x" * 100_000}).encode())
    assert len(await words(server)) < 1000


async def test_an_answer_without_end_is_not_read_to_it(server: FakeApiServer) -> None:
    server.answer = (200, b" " * (9 * 1024 * 1024))
    assert "more than 8388608 bytes" in await words(server)


async def test_a_silent_server_is_waited_for_so_long_and_no_longer(server: FakeApiServer) -> None:
    server.silent = True
    assert "did not answer within 0.1 s" in await words(server, kubernetes_timeout=0.1)


async def test_a_server_that_is_not_there_is_named(server: FakeApiServer) -> None:
    assert f"https://{HOST}:1 cannot be reached: " in await words(server, kubernetes_service_port=1)


async def test_a_server_of_another_authority_is_told_nothing(server: FakeApiServer) -> None:
    (server.account / "ca.crt").write_text(self_signed(HOST)[0])
    assert "its certificate is not one of the authority in ca.crt" in await words(server)
    assert server.asked == []


async def test_without_a_token_it_says_what_gives_one(server: FakeApiServer) -> None:
    (server.account / "token").unlink()
    assert "needs role: Console, which gives its pods one" in await words(server)


async def test_without_an_authority_it_says_which_file_is_missing_or_broken(server: FakeApiServer) -> None:
    (server.account / "ca.crt").write_text("no certificate")
    assert "ca.crt cannot be used to tell the API server" in await words(server)
    (server.account / "ca.crt").unlink()
    assert "ca.crt cannot be used to tell the API server" in await words(server)


async def test_one_resource_that_cannot_be_read_takes_no_other_with_it(server: FakeApiServer) -> None:
    broken = resource("broken", port="eighty")
    server.resources = [broken, resource("whole"), 7, {"metadata": {"name": 5}}]
    listing = await ApiServer(settings(server)).resources()
    assert [each.name for each in listing.found] == ["whole"]
    assert [unclear.partition(" (")[0] for unclear in listing.unclear] == ["broken", "number 3", "number 4"]
    assert "spec.port" in listing.unclear[0]


def test_outside_of_a_pod_there_is_no_cluster() -> None:
    assert cluster_of(UiSettings(pod_namespace=NAMESPACE, kubernetes_service_host=None)) is None
    assert cluster_of(UiSettings(pod_namespace=None, kubernetes_service_host="10.0.0.1")) is None
    assert cluster_of(UiSettings(pod_namespace=NAMESPACE, kubernetes_service_host="fd00::1")) is not None
