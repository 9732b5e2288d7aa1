import pytest

from tests.services.analytics_service.conftest import Service, entry
from tests.support.cases import cases

TYPED = [
    "order BENCH-100821 failed",
    "peer 10.0.0.5:8080 said it's down",
    'say "hi" AND (maybe) NOT',
    "disk at 50% on C:\\temp_1",
    "user@corp [tag] a=b #7 why?",
    "naïve café 故障",
]


async def test_the_described_query_works_as_written(service: Service) -> None:
    await service.send(
        entry("one", service="file-service", level="ERROR"),
        entry("two", service="file-service"),
        entry("three", level="ERROR"),
    )
    await service.archived()
    answer = await service.http.post(
        "/logs/query",
        content='{"service":"file-service","level":"ERROR","limit":10}',
        headers={"content-type": "application/json"},
    )
    assert [log["message"] for log in answer.json()["logs"]] == ["one"]


async def test_what_people_type_finds_what_they_mean(service: Service) -> None:
    await service.send(*map(entry, TYPED))
    await service.archived()
    typed = {
        0: ["BENCH-100821", "bench-1"],
        1: ["10.0.0.5:8080", "it's"],
        2: ['"hi"', "AND (maybe", "NOT"],
        3: ["50%", "temp_1", "\\", "%", "_"],
        4: ["user@corp", "[tag]", "a=b", "why?"],
        5: ["café", "故障"],
    }
    for number, texts in typed.items():
        for text in texts:
            assert await service.find(text=text) == [TYPED[number]], text
    assert await service.find(text="*") == []
    assert sorted(await service.find(text=" ")) == sorted(TYPED)


@pytest.mark.parametrize("order", ["desc", "asc"])
async def test_pages_skip_nothing_of_one_instant(service: Service, order: str) -> None:
    stamp = entry("")["timestamp"]
    sent = [f"pg{i:02d}" for i in range(25)]
    await service.send(*[entry(message, timestamp=stamp) for message in sent])
    await service.archived()
    passes = []
    for _ in range(2):
        seen: list[str] = []
        cursor = None
        while True:
            page = await service.page(limit=10, order=order, cursor=cursor)
            seen += [log["message"] for log in page["logs"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            if len(passes) == 1 and len(seen) == 10:
                await service.send(*[entry(f"late{i}", timestamp=stamp) for i in range(5)])
        passes.append(seen)
    assert sorted(passes[0]) == sent
    assert [message for message in passes[1] if message.startswith("pg")] == passes[0]


async def test_a_cursor_of_another_query_is_refused_with_a_reason(embedded: Service) -> None:
    await embedded.send(*[entry(str(i)) for i in range(3)])
    cursor = (await embedded.page(limit=1))["next_cursor"]
    for query in (
        {"level": "ERROR", "cursor": cursor},
        {"order": "asc", "cursor": cursor},
        {"cursor": "x" + cursor[1:]},
        {"cursor": "%"},
    ):
        answer = await embedded.http.post("/logs/query", json={"service": "shop"} | query)
        assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, ["cursor"]), query
    assert len(await embedded.find(limit=2, cursor=cursor)) == 2


async def test_filters_narrow_and_blank_ones_do_not(service: Service) -> None:
    await service.send(
        entry("a", logger="x", operation="create", request_id="r1", trace_id="t1"),
        entry("b", logger="y", level="warn"),
        entry("c", level="fatal"),
    )
    await service.archived()
    assert await service.find(logger="x") == ["a"]
    assert await service.find(operation="create", request_id="r1", trace_id="t1") == ["a"]
    assert await service.find(level="warning") == ["b"]
    assert await service.find(level="CRITICAL") == ["c"]
    assert len(await service.find(level="", logger=" ", text="", start="", cursor="")) == 3
    assert await service.find(service="nobody") == []


async def test_a_range_takes_its_start_and_leaves_its_end(service: Service) -> None:
    await service.send(*[entry(str(second), timestamp=f"2026-01-01T00:00:0{second}Z") for second in range(5)])
    await service.archived()
    assert await service.find(start="2026-01-01T00:00:01Z", end="2026-01-01T00:00:03Z", order="asc") == ["1", "2"]
    assert await service.find(start="2026-01-01T00:00:03Z") == ["4", "3"]


async def test_old_and_new_logs_come_in_one_order(service: Service) -> None:
    stamps = ["2021-05-01T00:00:00Z", "2025-10-13T01:19:00Z", "2026-09-01T00:00:00Z", "2026-11-01T00:00:00Z"]
    await service.send(*[entry(stamp, timestamp=stamp) for stamp in stamps])
    await service.archived()
    await service.send(entry("now"), entry("late", timestamp="2026-10-01T00:00:00Z"))
    expected = [*stamps[:3], "late", stamps[3], "now"]
    assert await service.find(order="asc") == expected
    assert await service.find() == expected[::-1]


@cases(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"level": "LOUD"},
        {"order": "up"},
        {"start": "yesterday"},
        {"unknown": 1},
        {"text": "x" * 1001},
        {"service": "a\x00b"},
        {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(embedded: Service, query: dict[str, object]) -> None:
    assert (await embedded.http.post("/logs/query", json=query)).status_code == 422


async def test_text_cannot_reach_into_the_query(service: Service) -> None:
    evil = '") |> drop() //'
    await service.send(entry("kept"), entry(evil, logger=evil, service="x' OR '1'='1"))
    await service.archived()
    assert await service.find(service="x' OR '1'='1", text=evil, logger=evil) == [evil]
    assert await service.find(service=evil) == []
    assert await service.find(logger='${"a"}') == []
