from pathlib import Path

import pytest
from pydantic import Field

from opsbuddy_core.settings import InfluxSettings, Settings, describe


class ServiceSettings(Settings, InfluxSettings):
    service_name: str = Field("some-service", validation_alias="OPSBUDDY_SERVICE", description="Name in logs")
    service_port: int = Field(8001, description="Port to listen on")


def test_the_names_of_the_description_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SERVICE_HOST": "127.0.0.1",
        "SERVICE_PORT": "9001",
        "DEBUG": "true",
        "LOG_LEVEL": "WARNING",
        "INFLUXDB_HOST": "influxdb",
        "INFLUXDB_PORT": "9086",
        "INFLUXDB_TOKEN": "s3cret",
        "INFLUXDB_ORG": "org",
        "INFLUXDB_DATABASE": "db",
    }.items():
        monkeypatch.setenv(name, value)
    settings = ServiceSettings.load()
    assert (settings.service_host, settings.service_port) == ("127.0.0.1", 9001)
    assert settings.effective_log_level == "DEBUG"
    assert settings.influxdb_url == "http://influxdb:9086"
    assert (settings.influxdb_org, settings.influxdb_database) == ("org", "db")
    assert "s3cret" not in repr(settings)


def test_an_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SERVICE_PORT=9100\nLOG_LEVEL=ERROR\nSOMETHING_ELSE=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    settings = ServiceSettings.load()
    assert (settings.service_port, settings.log_level) == (9100, "INFO")


def test_a_misspelt_name_ends_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPSBUDDY_SERVCE", "x")
    with pytest.raises(SystemExit) as ended:
        ServiceSettings.load()
    assert ended.value.code == 2
    assert "OPSBUDDY_SERVCE" in capsys.readouterr().err


def test_a_wrong_value_is_named_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_PORT", "hunter2")
    with pytest.raises(SystemExit):
        ServiceSettings.load()
    error = capsys.readouterr().err
    assert "SERVICE_PORT" in error
    assert "hunter2" not in error


def test_help_lists_every_variable_with_its_meaning() -> None:
    text = describe(ServiceSettings)
    assert "SERVICE_PORT" in text
    assert "[8001]" in text
    assert all(len(line.split()) > 1 for line in text.splitlines())


@pytest.mark.parametrize("host", ["http://influxdb:8086", "influxdb:8086", "influxdb/", "fd00::7", "user@influxdb"])
def test_an_address_where_a_host_is_asked_for_ends_the_start_with_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    monkeypatch.setenv("INFLUXDB_HOST", host)
    with pytest.raises(SystemExit):
        ServiceSettings.load()
    assert "INFLUXDB_HOST" in (said := capsys.readouterr().err)
    assert "expected a host alone" in said


@pytest.mark.parametrize("host", ["", "influxdb", "influx.example.com", "10.0.0.7", "[fd00::7]", "my_influx"])
def test_a_host_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("INFLUXDB_HOST", host)
    assert (ServiceSettings.load().influxdb_host or "") == host
