"""What docker-compose.yaml has to have in common with the rest of the repository."""

import tomllib

import pytest

from tests.compose.project import ROOT, SERVICES
from tests.contract.description.installation import PORTS


@pytest.mark.parametrize("name", PORTS)
def test_the_image_is_that_of_the_version(name: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert SERVICES[name]["image"] == f"opsbuddy-{name}:{version}"


@pytest.mark.parametrize("name", PORTS)
def test_the_image_is_built_from_the_folder_of_the_service(name: str) -> None:
    assert (ROOT / SERVICES[name]["build"]["args"]["PACKAGE"]).name == name


@pytest.mark.parametrize("name", PORTS)
def test_where_traces_are_sent_is_passed_on_where_it_is_set(name: str) -> None:
    passed = {variable for variable, value in SERVICES[name]["environment"].items() if value is None}
    assert passed == {
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
    }


@pytest.mark.parametrize(("name", "port"), PORTS.items())
def test_the_port_of_the_description_is_published_on_loopback_unless_told_otherwise(name: str, port: int) -> None:
    (published,) = SERVICES[name]["ports"]
    assert published.startswith("${BIND:-127.0.0.1}:${")
    assert published.endswith(f":-{port}}}:{port}")
