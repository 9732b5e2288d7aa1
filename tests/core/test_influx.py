from collections.abc import AsyncIterator, Sequence

import pytest

from opsbuddy_core import timestamps
from opsbuddy_core.flux import Flux, part, text
from opsbuddy_core.influx import Influx, InfluxError, key, rows, string
from opsbuddy_core.settings import InfluxSettings
from tests.support.influxdb import Bucket, bucket, influxd  # noqa: F401 - fixtures

T = 1_790_000_000_000_000_000
ODD = [
    'a"b',
    "a\\b",
    "${x}",
    'a") |> drop()',
    "line\nbreak",
    "ünïcode 故障",
    ".*+?()[]{}^$|/-_ #",
    "tab\there",
    "'",
    "\x01",
]


@pytest.fixture
async def influx(bucket: Bucket) -> AsyncIterator[Influx]:  # noqa: F811 - the fixture
    client = Influx(InfluxSettings(_env_file=None, **bucket.settings()))
    await client.start()
    yield client
    await client.stop()


@pytest.mark.influxdb
async def test_every_text_is_found_by_itself_and_by_a_part_of_it(influx: Influx) -> None:
    lines = [f"m v={string(value)},n={number}i {T + number}" for number, value in enumerate(ODD)]
    assert await influx.write(lines) == []
    for number, value in enumerate(ODD):
        for flux in (
            Flux(influx.bucket, T, T + 100).where("_field", "v").where("_value", value),
            Flux(influx.bucket, T, T + 100)
            .where("_field", "v")
            .has_part("_value", value.swapcase() if value.isascii() else value),
        ):
            found = await influx.query(flux)
            assert [(row["_value"], timestamps.instant(row["_time"])) for row in found] == [(value, T + number)], str(
                flux
            )


@pytest.mark.influxdb
async def test_only_the_lines_that_are_wrong_are_refused(influx: Influx) -> None:
    await influx.write([f"m v=1 {T}"])
    lines = [f"m v={number} {T + number}" for number in range(100)]
    lines[17], lines[61] = f'm v="text" {T + 17}', "m v= nonsense"
    refused = await influx.write(lines)
    assert [position for position, _ in refused] == [17, 61]
    assert "already exists as type float" in refused[0][1]
    assert len(await influx.query(Flux(influx.bucket, T, T + 100))) == 98


@pytest.mark.influxdb
async def test_lines_that_are_all_wrong_are_refused_at_once(influx: Influx, monkeypatch: pytest.MonkeyPatch) -> None:
    await influx.write([f"m v=1 {T}"])
    calls, write = [], influx._write

    async def counted(lines: Sequence[str]) -> None:
        calls.append(len(lines))
        await write(lines)

    monkeypatch.setattr(influx, "_write", counted)
    refused = await influx.write([f'm v="text" {T + number}' for number in range(100)])
    assert [position for position, _ in refused] == [*range(100)]
    assert calls == [100]


@pytest.mark.influxdb
async def test_the_probe_names_what_is_set_up_wrong(influx: Influx, bucket: Bucket) -> None:  # noqa: F811 - the fixture
    await influx.probe()
    for changes, name in (
        ({"influxdb_token": "x"}, "INFLUXDB_TOKEN"),
        ({"influxdb_database": "x"}, "INFLUXDB_DATABASE"),
    ):
        other = Influx(InfluxSettings(_env_file=None, **bucket.settings() | changes))
        await other.start()
        with pytest.raises(Exception, match=name):
            await other.probe()
        await other.stop()


def test_annotated_tables_become_typed_rows() -> None:
    raw = (
        b'#datatype,string,long,string,double\r\n,result,table,t,_value\r\n,_result,0,"a\r\nb",1.5\r\n,_result,0,,\r\n\r\n'
        b"#datatype,string,long,boolean\r\n,result,table,_value\r\n,_result,1,true\r\n\r\n"
    )
    assert rows(raw) == [
        {"t": "a\nb", "_value": 1.5},
        {"t": "", "_value": None},
        {"_value": True},
    ]


def test_a_column_may_be_named_like_what_surrounds_the_tables() -> None:
    raw = b"#datatype,string,long,string,string,string\r\n,result,table,error,result,table\r\n,_result,0,timeout,failed,t1\r\n"
    assert rows(raw) == [{"error": "timeout", "result": "failed", "table": "t1"}]


def test_a_text_may_be_longer_than_the_readers_own_limit() -> None:
    long = "x" * 400_000
    raw = b"#datatype,string,long,string\r\n,result,table,t\r\n,_result,0,%b\r\n" % long.encode()
    assert rows(raw) == [{"t": long}]


def test_an_error_within_the_answer_is_raised() -> None:
    with pytest.raises(InfluxError, match="too much"):
        rows(b"#datatype,string,string\r\n,error,reference\r\n,too much,897\r\n")


def test_values_become_literals() -> None:
    assert text('a"\\${b}') == '"a\\"\\\\\\${b}"'
    assert part("aÄ1.") == "/[aA]Ä1\\./"
    assert (key("a b,c=d"), string('a"\\')) == ("a\\ b\\,c\\=d", '"a\\"\\\\"')
