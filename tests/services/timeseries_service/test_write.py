import contextlib
import gzip
import time
from pathlib import Path
from typing import Any

import pytest

from opsbuddy_core import timestamps
from opsbuddy_core.sqlite import SqliteStore
from opsbuddy_timeseries_service import intake, lineprotocol
from opsbuddy_timeseries_service.embedded.schema import MIGRATIONS
from opsbuddy_timeseries_service.embedded.store import SqlitePoints
from opsbuddy_timeseries_service.models.points import Point
from tests.services.timeseries_service.conftest import Service, point
from tests.support.cases import cases

MS = int(time.time() * 1000)
DAY = timestamps.render(time.time_ns() - 86_400 * 10**9)[:10]

STAMP = lineprotocol.Stamp("ns", timestamps.now())


async def test_points_come_back_as_they_were_written(service: Service) -> None:
    stamp = f"{DAY}T00:00:00.123456789Z"
    await service.write(
        point(1.5, timestamp=stamp, tags={"host": 'a "b", c=d\\e', "país": "ñ"}),
        point(2, timestamp=f"{DAY}T00:00:01Z", tags={"host": 'a "b", c=d\\e', "país": "ñ"}),
        point(True, timestamp=f"{DAY}T00:00:02Z"),
    )
    answer = await service.answer(start=f"{DAY}T00:00:00Z", end=f"{DAY}T00:01:00Z")
    assert answer["series"] == [
        {"tags": {}, "timestamps": [f"{DAY}T00:00:02.000Z"], "values": [1.0]},
        {
            "tags": {"host": 'a "b", c=d\\e', "país": "ñ"},
            "timestamps": [stamp, f"{DAY}T00:00:01.000Z"],
            "values": [1.5, 2.0],
        },
    ]


async def test_the_same_point_again_takes_the_place_of_the_one_before(service: Service) -> None:
    await service.write(point(1, timestamp=MS))
    await service.write(point(2, timestamp=MS))
    assert await service.values() == [2.0]


async def test_valid_points_are_stored_and_invalid_ones_named(service: Service) -> None:
    content = b'{"points": [{"measurement": "m", "fields": {"v": 1}}, {"measurement": "m", "fields": {"v": NaN}},'
    content += b'{"measurement": "m", "fields": {}}, {"measurement": "m", "fields": {"v": 2, "w": -Infinity}}, {"fields": {"v": 1}}]}'
    answer = await service.http.post("/write", content=content, headers={"content-type": "application/json"})
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["rejected"]) == (207, 1, 4)
    assert [(each["index"], each["field"]) for each in body["errors"]] == [
        (1, "fields.v"),
        (2, "fields"),
        (3, "fields.w"),
        (4, "measurement"),
    ]
    assert await service.values() == [1.0]


@cases(
    ("changes", "field"),
    [
        ({"measurement": "logs"}, "measurement"),
        ({"measurement": "_m"}, "measurement"),
        ({"measurement": "#m"}, "measurement"),
        ({"measurement": "a\nb"}, "measurement"),
        ({"measurement": "a\u202eb"}, "measurement"),
        ({"tags": {"a": "x\u2066y"}}, "tags.a"),
        ({"tags": {"a": "x\u061cy"}}, "tags.a"),
        ({"tags": {"a": "x\x07"}}, "tags.a"),
        ({"measurement": "x" * 257}, "measurement"),
        ({"fields": {"v": None}}, "fields.v"),
        ({"fields": {"v": [1]}}, "fields.v"),
        ({"fields": {"v": 10**400}}, "fields.v"),
        ({"fields": {"v": 2**53 + 1}}, "fields.v"),
        ({"fields": {"v": "x" * 65_537}}, "fields.v"),
        ({"tags": {"a": ""}}, "tags.a"),
        ({"tags": {"a": "x\\"}}, "tags.a"),
        ({"tags": {"a": 5}}, "tags.a"),
        ({"tags": {"a": "x" * 1025}}, "tags.a"),
        ({"tags": {f"t{i}": "x" for i in range(65)}}, "tags"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 5}, "timestamp"),
        ({"value": 1}, "value"),
    ],
)
async def test_a_point_out_of_limits_is_named_by_its_field(
    service: Service, changes: dict[str, Any], field: str
) -> None:
    answer = await service.http.post("/write", json=[point(1) | changes])
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:opsbuddy:problem:invalid-request"), answer.text
    assert {(each["index"], each["field"]) for each in answer.json()["errors"]} == {(0, field)}


async def test_what_is_wrong_with_a_point_is_said_without_words_of_the_code(embedded: Service) -> None:
    wrong = [
        point(1, "a\nb"),
        point(1, "x" * 257),
        point(1, ""),
        point(1, tags={f"t{i}": "x" for i in range(65)}),
        {"measurement": "m", "fields": {}},
        point(1, tags={"time": "x"}),
    ]
    errors = (await embedded.http.post("/write", json=wrong)).json()["errors"]
    assert [each["reason"] for each in errors] == [
        "has control characters, or characters that turn the direction of text",
        "has more than 256 characters",
        "is empty",
        "has more than 64 entries",
        "is empty",
        "cannot be named time: that is the point's own timestamp",
    ]
    assert errors[-1]["field"] == "tags.time"


async def test_a_field_keeps_its_type_and_the_point_that_breaks_it_is_named(service: Service) -> None:
    await service.write(point(1, timestamp=MS))
    result = await service.write(
        point(2, timestamp=MS + 1), point("text", timestamp=MS + 2), point(3, timestamp=MS + 3)
    )
    assert [(each["index"], each["field"], each["code"]) for each in result["errors"]] == [
        (1, "fields.v", "type_conflict")
    ]
    assert result["accepted"] == 2
    assert await service.values() == [1.0, 2.0, 3.0]


async def test_a_point_that_is_refused_settles_no_type_of_the_fields_beside(service: Service) -> None:
    await service.write(point(1, timestamp=MS))
    result = await service.write(point(1, fields={"v": "text", "w": "text"}, timestamp=MS + 1), point(2, timestamp=MS))
    assert [(each["index"], each["field"]) for each in result["errors"]] == [(0, "fields.v")]
    await service.write(point(1, fields={"w": 5}, timestamp=MS + 2))
    assert await service.values(field="w") == [5.0]


async def test_a_line_break_in_a_text_is_the_same_from_each_store(service: Service) -> None:
    await service.write(point("a\r\nb\rc\nd", timestamp=MS))
    assert await service.values() == ["a\nb\nc\nd"]


async def test_texts_are_kept_and_counted_but_have_no_mean(service: Service) -> None:
    stamp = f"{DAY}T00:00:00Z"
    await service.write(point('a "quote"\\\nline', timestamp=stamp))
    window = {"start": stamp, "end": f"{DAY}T00:01:00Z", "every": "1m"}
    assert await service.values(start=stamp, end=f"{DAY}T00:01:00Z") == ['a "quote"\\\nline']
    assert await service.values(aggregate="count", **window) == [1.0]
    assert await service.values(aggregate="last", **window) == ['a "quote"\\\nline']
    for aggregate in ("mean", "sum", "min", "max"):
        answer = await service.http.post(
            "/query", json={"measurement": "m", "field": "v", "aggregate": aggregate, **window}
        )
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "aggregate"), aggregate


async def test_growth_of_a_text_before_the_range_is_refused_in_our_words(service: Service) -> None:
    await service.write(point("text", timestamp=MS - 60_000))
    query = {"measurement": "m", "field": "v", "aggregate": "increase", "every": "1s", "start": MS - 30_000, "end": MS}
    answer = await service.http.post("/query", json=query)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "type_conflict"), answer.text


async def test_what_is_older_than_what_is_kept_is_refused_rather_than_lost(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "points.sqlite3", MIGRATIONS)
    points = SqlitePoints(store, days=1)
    await points.start()
    young, old = (Point.model_validate(point(1, timestamp=MS - hours * 3_600_000)) for hours in (23, 25))
    refused = await points.write([young, old, young])
    assert [(each.index, each.field, each.code) for each in refused] == [(1, "timestamp", "too_old")]
    await points.stop()


async def test_line_protocol_of_influxdbs_clients_is_understood(service: Service) -> None:
    text = (
        "# a comment\n\n"
        f'm,host=a\\ b,k\\,ey=x\\=y v=1.5,n=2i,u=3u,t=true,s="say \\"hi\\", a=b \\\\" {MS}000000\r\n'
        f"m\\ 2,host=a v=-1e3 {MS}000000\n"
        "m v=.5"
    )
    answer = await service.lines(text, "?org=opsbuddy&bucket=opsbuddy", "/api/v2/write")
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    series = (await service.http.get("/series")).json()["series"]
    assert series == [
        {"measurement": "m", "tags": {"host": "a b", "k,ey": "x=y"}, "fields": ["n", "s", "t", "u", "v"]},
        {"measurement": "m", "tags": {}, "fields": ["v"]},
        {"measurement": "m 2", "tags": {"host": "a"}, "fields": ["v"]},
    ]
    tags = {"host": "a b"}
    assert [await service.values(tags=tags, field=field) for field in "vnuts"] == [
        [1.5],
        [2.0],
        [3.0],
        [1.0],
        ['say "hi", a=b \\'],
    ]
    assert (await service.http.get("/measurements")).json() == {"measurements": ["m", "m 2"]}


async def test_telegraf_sends_lines_as_gzip(service: Service) -> None:
    headers = {"content-type": "text/plain; charset=utf-8", "content-encoding": "gzip"}
    answer = await service.http.post("/api/v2/write", content=gzip.compress(b"m v=1"), headers=headers)
    assert answer.status_code == 204, answer.text
    assert await service.values() == [1.0]


async def test_milliseconds_sent_as_nanoseconds_are_named_and_lead_to_the_precision(service: Service) -> None:
    text = f"m v=1 {MS}\nm v=2 {MS}000000\nm v=3 {MS // 1000}\nm v=4\n"
    answer = await service.lines(text, path="/api/v2/write")
    assert answer.status_code == 422
    assert [(each["index"], each["field"]) for each in answer.json()["errors"]] == [(0, "timestamp"), (2, "timestamp")]
    assert "precision" in answer.json()["errors"][0]["reason"]
    assert await service.values() == [2.0, 4.0]
    answer = await service.lines(text.replace("m v", "n v"), "?precision=ms")
    assert [(each["index"], each["field"]) for each in answer.json()["errors"]] == [(1, "timestamp"), (2, "timestamp")]
    assert await service.values(measurement="n") == [1.0, 4.0]
    for path in ("/write", "/api/v2/write"):
        answer = await service.lines("m v=1", "?precision=xx", path)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "precision")


async def test_a_broken_line_is_named_and_its_neighbours_are_stored(service: Service) -> None:
    broken = [
        "m",
        "m ",
        "m v",
        "m v=",
        "m v=x",
        'm v="open',
        "m,a v=1",
        "m,a= v=1",
        ",a=b v=1",
        "m v=1 x",
        "m v=NaN",
        "m v=-inf",
        "m v=1,",
        "m,a=b,a=c v=1",
        "m v=1,v=2",
        "_m v=1",
    ]
    answer = await service.lines("\n".join(["m v=1", *broken, "n v=2"]))
    assert (answer.status_code, answer.json()["accepted"]) == (207, 2), answer.text
    assert [each["index"] for each in answer.json()["errors"]] == list(range(1, len(broken) + 1))
    assert await service.values() == [1.0]


@pytest.mark.parametrize("number", ["9223372036854775807i", "-9223372036854775808i", "18446744073709551615u", "0u"])
def test_a_whole_number_is_read_exactly_up_to_its_64_bits(number: str) -> None:
    assert lineprotocol.parse(f"m v={number}", STAMP)["fields"] == {"v": int(number[:-1])}


@pytest.mark.parametrize("number", ["9223372036854775808i", "-9223372036854775809i", "18446744073709551616u", "-1u"])
def test_a_whole_number_beyond_its_64_bits_is_named(number: str) -> None:
    with pytest.raises(lineprotocol.LineError) as refused:
        lineprotocol.parse(f"m v={number}", STAMP)
    assert refused.value.field == "fields.v"


def test_the_mark_of_utf_8_before_the_first_line_is_no_part_of_a_name() -> None:
    assert intake.from_lines(b"\xef\xbb\xbfm v=1", "ns").points[0].measurement == "m"


async def test_a_text_has_line_breaks_as_influxdbs_clients_send_them(service: Service) -> None:
    stamp = time.time_ns() // 10**9 * 10**9
    text = f'm v="one\n\n two \\"quoted\\",\n# three" {stamp}\nm w=1 {stamp}\nm v="four",t="a\nb" {stamp + 1}'
    answer = await service.lines(text, path="/api/v2/write")
    assert answer.status_code == 204, answer.text
    assert await service.values() == ['one\n\n two "quoted",\n# three', "four"]
    assert await service.values(field="w") == [1.0]
    assert await service.values(field="t") == ["a\nb"]


async def test_a_text_that_is_never_closed_takes_no_neighbour_with_it(service: Service) -> None:
    answer = await service.lines('m v="open\nm w=1\nm v="x" y\nm w=2\nm v="open too\nm v="and z\nm w=3')
    assert answer.json()["accepted"] == 3, answer.text
    assert [each["index"] for each in answer.json()["errors"]] == [0, 2, 4, 5]


async def test_a_line_that_is_no_utf_8_is_named_and_not_changed(service: Service) -> None:
    content = b'm,h=\xff v=1\nm v=2\nm v="\xc3"\n\xffm v=3'
    answer = await service.http.post("/write", content=content, headers={"content-type": "text/plain"})
    errors = [(each["index"], each["field"], each["reason"]) for each in answer.json()["errors"]]
    assert (answer.status_code, errors) == (207, [(index, "line", "is no UTF-8") for index in (0, 2, 3)])
    assert await service.values() == [2.0]


@pytest.mark.parametrize("line", [b'm v="', b'm v="x" y', b'm v="\\"', b'm v="a"b"'])
def test_many_lines_that_leave_a_text_open_are_judged_in_a_moment(line: bytes) -> None:
    begun = time.process_time()
    for body in (b"\n".join([line] * 2_000), line + b"\nx" * 2_000, b"\n".join([line, b"x"] * 1_000)):
        intake.from_lines(body, "ns")
    assert time.process_time() - begun < 2, "others wait meanwhile"


@pytest.mark.parametrize("piece", ["1", "1.", "1e", '"\\', "\\,", ",a=b", "a=1,", " ", "é", "="])
@pytest.mark.parametrize("line", ["m v={}e", "m v={}x", "m {}=1x", "m{} v", "m v=1 {}x"])
def test_the_longest_odd_line_is_judged_in_a_moment(line: str, piece: str) -> None:
    text = line.format(piece * 30_000)
    begun = time.process_time()
    with contextlib.suppress(lineprotocol.LineError):
        lineprotocol.parse(text, STAMP)
    assert time.process_time() - begun < 1, "others wait meanwhile"


@cases(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "application/json", 422),
        (b"\xff\xfe", "text/plain", 422),
        (b"m v=1\n" * 50_001, "text/plain", 413),
        (b" " * (16 * 1024 * 1024 + 1), "text/plain", 413),
        (b"m v=1", "text/csv", 415),
    ],
)
async def test_a_body_that_cannot_be_used_is_a_problem(
    service: Service, content: bytes, media: str, status: int
) -> None:
    answer = await service.http.post("/write", content=content, headers={"content-type": media})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
