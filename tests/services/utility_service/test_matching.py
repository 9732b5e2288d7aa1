"""What a command line is taken for, and which part of it is named when no template allows it."""

from pathlib import Path

import pytest

from opsbuddy_core.errors import ForbiddenError, InvalidRequestError
from opsbuddy_utility_service.models.commands import Invocation, Prepared, Request
from opsbuddy_utility_service.models.templates import Template
from opsbuddy_utility_service.service.matching import find
from opsbuddy_utility_service.storage import templates

BUILT_IN = templates.load(None)


def prepared(**members: object) -> Prepared:
    return Prepared(Template.model_validate({"id": "tool"} | members), "/bin/tool", "/")


def command(text: str, among: list[Prepared] = BUILT_IN) -> Invocation:
    return find(Request(command=text), among)


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("ls -la", ["ls", "-la"]),
        ("  ls   -la ", ["ls", "-la"]),
        ("'ls' \"-la\"", ["ls", "-la"]),
        ("/bin/ls -la", ["ls", "-la"]),
        ("/usr/bin/ls -la", ["ls", "-la"]),
        ("uptime", ["uptime"]),
        ("df -h", ["df", "-h"]),
        ("ps aux", ["ps", "aux"]),
        ("free -m", ["free", "-m"]),
        ("dns example.org", ["getent", "ahosts", "example.org"]),
        (
            "certificate example.org",
            ["openssl", "s_client", "-connect", "example.org:443", "-servername", "example.org"],
        ),
        (
            "certificate example.org 8443",
            ["openssl", "s_client", "-connect", "example.org:8443", "-servername", "example.org"],
        ),
        ("du -xh --max-depth=1", ["du", "-xh", "--max-depth=1", "/var"]),
        ("cat /proc/1/status", ["cat", "/proc/1/status"]),
        ("echo '$(id); `id` && rm -rf / | x > y'", ["echo", "$(id); `id` && rm -rf / | x > y"]),
    ],
)
def test_words_that_a_template_allows_are_run_as_they_are(text: str, argv: list[str]) -> None:
    assert command(text).argv == argv


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("rm -rf /", "rm"),
        ("bash -c ls", "bash"),
        ("/bin/rm x", "/bin/rm"),
        ("/srv/ls -la", "/srv/ls"),
        ("LS -la", "LS"),
        ("ls -la; rm x", "-la;"),
        ("ls -la && id", "&&"),
        ("ls -la | sh", "|"),
        ("ls -la\nrm x", "rm"),
        ("ls $(id)", "$(id)"),
        ("`id`", "`id`"),
        ("ls -la /etc/shadow", "/etc/shadow"),
        ("ls -la /var/log/../../etc", "/var/log/../../etc"),
        ("ls -la --color", "--color"),
        ("ls -laR", "-laR"),
        ("df -h -x", "-x"),
        ("cat /etc/passwd", "/etc/passwd"),
        ("cat /proc/self/environ", "/proc/self/environ"),
        ("cat /proc/1/../2/status", "/proc/1/../2/status"),
        ("date -s 2020-01-01", "-s"),
        ("getent ahosts -h", "-h"),
        ("ping -c 1000 -W 2 a", "1000"),
        ("certificate a.example 99999", "99999"),
        ("dns a;b", "a;b"),
        ("echo -n", "-n"),
    ],
)
def test_what_no_template_allows_is_denied_by_its_part(text: str, part: str) -> None:
    with pytest.raises(ForbiddenError) as refused:
        command(text)
    assert refused.value.extensions["part"] == part
    assert part in refused.value.detail
    assert refused.value.errors[0].field == "command"


@pytest.mark.parametrize("text", ["", "   ", "ls '", 'ls "', "ls \\", "ls\0-la", "ls \x1b[1m", "l" * 5000])
def test_what_is_no_command_line_is_not_valid(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        command(text)
    assert refused.value.errors[0].field == "command"


@pytest.mark.parametrize(
    ("text", "named"), [("ls\xa0-la", "U+00A0"), ("dns a\u202eb", "U+202E"), ("df \u200b-h", "U+200B")]
)
def test_a_letter_that_cannot_be_seen_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        command(text)
    assert named in refused.value.detail


@pytest.mark.parametrize(
    ("parameter", "allowed", "refused"),
    [
        (
            {"type": "int", "min": -5, "max": 5},
            ["-5", "0", "5"],
            ["6", "-6", "1.0", "", " 1", "1e0", "٣", "0x1", "-0", "-00"],
        ),
        ({"type": "enum", "values": ["a", "-b"]}, ["a", "-b"], ["b", "A", ""]),
        ({"type": "regex", "pattern": "[a-z-]+"}, ["abc", "a-b"], ["-a", "A", "", "a\n", "a" * 257]),
        ({"type": "regex", "pattern": "-+x", "allow_dash": True}, ["--x"], ["x"]),
        (
            {"type": "host"},
            ["a", "a.example", "10.0.0.1", "::1", "a_b.svc", "x.y."],
            ["-a", "a b", "a/b", "http://a", "", "a..b", "a" * 64, "::1%eth0"],
        ),
        ({"type": "port"}, ["1", "65535"], ["0", "65536", "-1", "http"]),
        ({"type": "name"}, ["a", "a.b-c_d:1"], ["-a", "a/b", "", "é"]),
    ],
)
def test_a_value_is_what_its_type_allows(parameter: dict[str, object], allowed: list[str], refused: list[str]) -> None:
    tool = prepared(argv=["tool", "{x}"], params={"x": parameter})
    for value in allowed:
        assert find(Request(template="tool", params={"x": value}), [tool]).argv == ["tool", value]
    for value in refused:
        with pytest.raises(ForbiddenError) as error:
            find(Request(template="tool", params={"x": value}), [tool])
        assert error.value.errors[0].field == "params.x"


def test_a_path_stays_below_its_folders_also_by_links(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "inner"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "file").touch()
    (inside / "good").symlink_to(inside / "file")
    (inside / "bad").symlink_to(outside / "file")
    tool = prepared(argv=["tool", "{x}"], params={"x": {"type": "path", "under": [str(inside)]}})
    for name in ("", "/file", "/good", "/not-there"):
        assert command(f"tool {inside}{name}", [tool]).argv == ["tool", f"{inside}{name}"]
    for path in (f"{inside}/bad", f"{inside}/../in/file", f"{outside}/file", "file", "/", f"{inside}x"):
        with pytest.raises(ForbiddenError) as refused:
            command(f"tool {path}", [tool])
        assert refused.value.extensions["part"] == path


def test_a_value_that_is_there_twice_has_to_be_the_same() -> None:
    tool = prepared(argv=["tool", "{x}:1", "-n", "{x}"], params={"x": {"type": "host"}})
    assert command("tool a:1 -n a", [tool]).argv == ["tool", "a:1", "-n", "a"]
    with pytest.raises(ForbiddenError):
        command("tool a:1 -n b", [tool])


@pytest.mark.parametrize(
    ("word", "text", "argv"),
    [
        ("{x}:{y}", "::1:443", "::1:443"),
        ("a{x}b{y}b", "a1b2b3b", "a1b2b3b"),
        ("{x}{y}", "ab", None),
        ("ab{x}ba", "aba", None),
        ("a{x}-{y}c", "a1c", None),
        ("a{x}c", "a1d", None),
    ],
)
def test_a_word_is_taken_apart_between_what_its_template_says(word: str, text: str, argv: str | None) -> None:
    value = {"type": "regex", "pattern": ".+"}
    tool = prepared(argv=["run", word], params=dict.fromkeys(("x", "y") if "{y}" in word else ("x",), value))
    if argv is None:
        with pytest.raises(ForbiddenError) as refused:
            command(f"run {text}", [tool])
        assert refused.value.extensions["part"] == text
    else:
        assert command(f"run {text}", [tool]).argv == ["run", argv]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        pytest.param("{x}", "a" * 4000 + "!", id="a pattern that can be matched in many ways"),
        pytest.param("{x}:{y}:{z}:{v}.", ":" * 4000, id="a word that can be taken apart in many ways"),
    ],
)
def test_no_value_holds_the_service_up(word: str, text: str) -> None:
    value = {"type": "regex", "pattern": "(a+)+", "max_length": 4096}
    tool = prepared(argv=["tool", word], params={name: value for name in "xyzv" if f"{{{name}}}" in word})
    with pytest.raises(ForbiddenError):
        command(f"tool {text}", [tool])


def test_secret_values_are_run_and_not_shown() -> None:
    secret = {"type": "regex", "pattern": "[a-z]+", "secret": True}
    tool = prepared(argv=["tool", "--token={x}"], params={"x": secret})
    found = command("tool --token=hunter", [tool])
    assert found.argv == ["tool", "--token=hunter"]
    assert "hunter" not in " ".join(found.shown)
    for wrong in (
        Request(command="tool --token=HUNTER"),
        Request(command="tool HUNTER2"),
        Request(template="tool", params={"x": "HUNTER"}),
    ):
        with pytest.raises(ForbiddenError) as refused:
            find(wrong, [tool])
        assert "HUNTER" not in refused.value.detail + str(refused.value.extensions)


def test_a_template_can_be_asked_for_by_its_id_with_typed_values() -> None:
    found = find(Request(template="certificate", params={"host": "a.example", "port": 8443}), BUILT_IN)
    assert found.argv[3] == "a.example:8443"
    for params, field in (
        ({}, "params.host"),
        ({"host": "a", "port": True}, "params.port"),
        ({"host": ["a"]}, "params.host"),
        ({"host": "a", "colour": "red"}, "params.colour"),
    ):
        with pytest.raises(InvalidRequestError) as refused:
            find(Request(template="certificate", params=params), BUILT_IN)
        assert refused.value.errors[0].field == field
    with pytest.raises(ForbiddenError) as denied:
        find(Request(template="rm"), BUILT_IN)
    assert denied.value.extensions["part"] == "rm"


def test_a_line_break_in_the_part_that_is_named_is_written_once_as_one() -> None:
    tool = prepared(argv=["tool", "{n}"], params={"n": {"type": "int"}})
    with pytest.raises(ForbiddenError, match=r"^'1\\n2' is not allowed"):
        command('tool "1\n2"', [tool])
