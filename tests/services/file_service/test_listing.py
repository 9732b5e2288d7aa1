import asyncio
from itertools import chain
from typing import Any

import pytest

from opsbuddy_file_service.models import Sort
from tests.services.file_service.conftest import Service
from tests.support.cases import cases

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"


async def walk(service: Service, **query: Any) -> list[list[str]]:
    """Follow the cursors to the end; the ids of each page."""
    pages: list[list[str]] = []
    while True:
        answer = await service.http.get("/files", params=query)
        assert answer.status_code == 200, answer.text
        pages.append([file["id"] for file in answer.json()["files"]])
        if answer.json()["next_cursor"] is None:
            return pages
        query["cursor"] = answer.json()["next_cursor"]


@pytest.fixture
async def ties(service: Service) -> set[str]:
    """Files that are alike in all that a listing sorts by, and one that is not."""
    await service.store(b"other")
    return {(await service.store(b"same size", "same.txt", tags={"run": "ties"}))["id"] for _ in range(25)}


@cases("sort", [sort for sort in Sort if sort.field != "deleted_at"])
async def test_pages_have_every_file_once_though_all_sort_alike(service: Service, ties: set[str], sort: Sort) -> None:

    async def noise() -> None:
        while True:
            file = await service.store(b"same size", "same.txt")
            await service.http.delete(f"/files/{file['id']}?purge=true")

    other = asyncio.create_task(noise())
    pages = await walk(service, tag="run=ties", limit=4, sort=sort.value)
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)  # its request would outlive the database
    assert len(pages) == 7
    assert sorted(chain(*pages)) == sorted(ties)


async def test_each_order_is_what_it_says(service: Service) -> None:
    records = [await service.store(b"x" * size, name) for size, name in [(3, "b"), (1, "Z"), (2, "é"), (2, "a")]]
    for field, key in (("created", "created_at"), ("size", "size"), ("name", "filename")):
        up = list(chain(*await walk(service, sort=field, limit=1)))
        down = list(chain(*await walk(service, sort=f"-{field}", limit=3)))
        assert up == [r["id"] for r in sorted(records, key=lambda r: (r[key], r["id"]))]
        assert down == up[::-1]
    assert [f["id"] for f in await service.find()] == [r["id"] for r in records[::-1]]


@cases("cursor", ["xyz", "bm9uZQ==", "WyJzaXplIiwgMSwgIjAiXQ==", "W10=", "é", "WyJjcmVhdGVkIiwieCIsIjAiXQ=="])
async def test_a_cursor_that_no_such_listing_gave_is_refused(service: Service, cursor: str) -> None:
    answer = await service.http.get("/files", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_cursor_of_another_order_is_refused(service: Service) -> None:
    for _ in range(2):
        await service.store()
    page = await service.http.get("/files", params={"limit": 1, "sort": "size"})
    for sort in ("-size", "name", "created"):
        query = {"cursor": page.json()["next_cursor"], "sort": sort}
        answer = await service.http.get("/files", params=query)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_filters_find_by_tag_type_and_name(service: Service) -> None:
    a = (await service.store(b"1", "Élan 100%.txt", tags={"run": 7, "on": True, "of": ["x", "y"], "e=q": "a=b"}))["id"]
    b = (await service.store(PNG, "photo_1.png", tags={"run": "7", "of": "y"}))["id"]
    c = (await service.store(JPEG, "photoX1.jpg"))["id"]
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"tag": "run=7"}, {a, b}),
        ({"tag": "run"}, {a, b}),
        ({"tag": "on=true"}, {a}),
        ({"tag": "of=y"}, {a, b}),
        ({"tag": ["run=7", "of=x"]}, {a}),
        ({"tag": "none"}, set()),
        ({"type": "image/*"}, {b, c}),
        ({"type": "image/png"}, {b}),
        ({"type": "*/*"}, {a, b, c}),
        ({"name": "éLAN"}, {a}),
        ({"name": "e\u0301lan"}, {a}),
        ({"name": "photo_"}, {b}),
        ({"name": "0%"}, {a}),
        ({"name": "photo", "type": "image/jpeg"}, {c}),
    ]
    for query, expected in cases:
        assert {f["id"] for f in await service.find(**query)} == expected, query


async def test_a_tag_is_found_by_what_it_was_changed_to_though_python_takes_both_for_equal(service: Service) -> None:
    stored = await service.store(tags={"on": 1, "of": [True]})
    await service.http.patch(f"/files/{stored['id']}", json={"tags": {"on": True, "of": [1]}})
    assert len(await service.find(tag=["on=true", "of=1"])) == 1
    assert await service.find(tag="on=1") == []


@cases(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"sort": "colour"}, "sort"),
        ({"name": "a\0"}, "name"),
        ({"tag": "\0"}, "tag"),
        ({"type": "\0"}, "type"),
        ({"type": "text"}, "type"),
        ({"type": "*"}, "type"),
        ({"colour": "red"}, "colour"),
        ({"min_size": -1}, "min_size"),
        ({"max_size": 2**63}, "max_size"),
        ({"min_size": "1e3"}, "min_size"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"created_before": "2026-13-01T00:00:00Z"}, "created_before"),
        ({"updated_after": "0001-01-01T00:00:00+23:00"}, "updated_after"),
        ({"updated_before": "NaN"}, "updated_before"),
        ({"sort": "deleted"}, "sort"),
        ({"tag": "x" * 601}, "tag"),
        ({"name": "x" * 256}, "name"),
        ({"cursor": "x" * 2001}, "cursor"),
        ({"tag": ["a"] * 11}, "tag"),
        ({"trash": "perhaps"}, "trash"),
    ],
)
async def test_a_wrong_filter_is_refused_naming_it(service: Service, query: dict[str, Any], field: str) -> None:
    answer = await service.http.get("/files", params=query)
    assert answer.status_code == 422
    assert field in answer.json()["errors"][0]["field"]
    assert "items" not in answer.json()["errors"][0]["reason"] or field == "tag"
