from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from opsbuddy_core.health import Health
from opsbuddy_core.settings import Settings
from opsbuddy_core.web.app import create_app
from opsbuddy_core.web.parameters import KNOWN_PARAMETERS
from tests.support.apps import client


class Search(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tag: list[str] = []
    limit: int = 100


def routes() -> APIRouter:
    router = APIRouter(dependencies=KNOWN_PARAMETERS)

    @router.get("/things")
    async def read(purge: bool = False, label: Annotated[list[str] | None, Query()] = None) -> list[str]:
        return [str(purge), *(label or [])]

    @router.get("/found")
    async def find(search: Annotated[Search, Query()]) -> list[str]:
        return [str(search.limit), *search.tag]

    @router.get("/bare")
    async def bare() -> None: ...

    return router


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    settings = Settings(service_name="test-service", title="Test Service")
    async with client(create_app(settings, Health("Test Service", "opsbuddy-core", ()), [routes()])) as session:
        yield session


@pytest.mark.parametrize(
    ("query", "names", "code"),
    [
        ("/things?purge=false&purge=true", ["purge"], "repeated_parameter"),
        ("/things?purge=true&purge=true", ["purge"], "repeated_parameter"),
        ("/things?label=a&purge=&purge=", ["purge"], "repeated_parameter"),
        ("/found?limit=1&tag=a&limit=2", ["limit"], "repeated_parameter"),
        ("/found?limt=1&tg=2", ["limt", "tg"], "unknown_parameter"),
        ("/found?limit=1&limit=2&=x", ["(empty)"], "unknown_parameter"),
        ("/bare?a=1&a=2", ["a"], "unknown_parameter"),
        ("/things?label=a&label=caf%E9", ["label"], "encoding"),
        ("/found?tag=%C3%A9&tag=%C3", ["tag"], "encoding"),
    ],
)
async def test_a_parameter_that_nobody_knows_or_that_cannot_be_meant_is_refused_by_its_name(
    http: httpx2.AsyncClient, query: str, names: list[str], code: str
) -> None:
    answer = await http.get(query)
    assert answer.status_code == 422
    assert [(entry["field"], entry["code"]) for entry in answer.json()["errors"]] == [(name, code) for name in names]
    assert all(name in answer.json()["detail"] for name in names)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("/things?label=a&label=a&purge=true", ["True", "a", "a"]),
        ("/found?tag=a&limit=7&tag=b", ["7", "a", "b"]),
        ("/found?tag=%C3%A9%EF%BF%BD+%2B", ["100", "é\ufffd +"]),
    ],
)
async def test_a_parameter_that_takes_several_values_is_given_as_often_as_one_likes(
    http: httpx2.AsyncClient, query: str, found: list[str]
) -> None:
    answer = await http.get(query)
    assert (answer.status_code, answer.json()) == (200, found)
