"""What keeps the operator from starting is said in a line, and the process ends without a traceback."""

import socket
from collections.abc import Callable

import pytest
import yaml

from opsbuddy_operator.main import main
from opsbuddy_operator.settings import OperatorSettings

CLUSTER = {"server": "https://127.0.0.1:1"}


def kubeconfig(**cluster: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": CLUSTER | cluster}],
            "users": [{"name": "u", "user": {"token": "x"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
    )


@pytest.fixture
def start(tmp_path, monkeypatch, capsys) -> Callable[[str], str]:
    """Run the console script in vain; returns what it complained of."""

    def run(text: str) -> str:
        (tmp_path / "kubeconfig").write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setattr("sys.argv", ["opsbuddy-operator"])
        monkeypatch.setattr("opsbuddy_core.logs.configure", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    "text",
    [": : [", "just words", "", "[]", kubeconfig(**{"certificate-authority-data": "!!!"})],
    ids=["no YAML", "a text", "empty", "a list", "no certificate"],
)
def test_a_kubeconfig_that_cannot_be_used_is_told(start, text):
    assert "kubeconfig" in start(text)


def test_a_port_that_is_taken_is_told(start, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("SERVICE_PORT", port)
        assert f"Cannot listen on 127.0.0.1:{port}" in start(kubeconfig())


@pytest.mark.parametrize("wrong", ["team-*", "Team", "a b", "a,!b"])
def test_namespaces_that_none_can_be_are_refused(wrong, monkeypatch, capsys):
    """A pattern would match nothing, and the operator would serve nobody without a word."""
    monkeypatch.setenv("WATCH_NAMESPACES", wrong)
    with pytest.raises(SystemExit):
        OperatorSettings.load()
    assert "WATCH_NAMESPACES" in capsys.readouterr().err


def test_namespaces_are_names_with_commas_between_them():
    assert OperatorSettings(watch_namespaces=" a, b-1 ,,a").namespaces == ("a", "b-1")
