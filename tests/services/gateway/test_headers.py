import pytest

from opsbuddy_gateway.service.headers import (
    answer,
    by_name,
    client_address,
    end_to_end,
    forwarded,
    location,
    parse_networks,
)


def test_hop_by_hop_fields_and_those_that_connection_names_stay_here():
    given = [
        (b"connection", b"keep-alive, X-Private"),
        (b"x-private", b"1"),
        (b"te", b"trailers"),
        (b"upgrade", b"h2c"),
        (b"proxy-authorization", b"x"),
        (b"transfer-encoding", b"chunked"),
        (b"accept", b"*/*"),
    ]
    assert end_to_end(given) == [(b"accept", b"*/*")]


def test_connection_cannot_strip_what_frames_the_message_or_says_who_asks():
    given = [(b"connection", b"content-length, authorization"), (b"content-length", b"3"), (b"authorization", b"x")]
    assert end_to_end(given) == given[1:]


def test_an_answer_keeps_repeated_fields_in_order_and_promises_no_body_where_none_comes():
    given = [(b"set-cookie", b"a"), (b"set-cookie", b"b"), (b"content-length", b"5"), (b"date", b"x")]
    assert answer(given, 200) == given[:3]
    assert answer(given, 304) == given[:2]


def test_only_a_trusted_proxy_may_say_who_the_client_is():
    claims = [
        (b"host", b"in"),
        (b"x-forwarded-for", b"6.6.6.6"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"out"),
    ]
    believed = dict(forwarded(dict(claims), "10.1.2.3", "http", "/p", parse_networks("10.0.0.0/8, ::1/128")))
    assert believed == {
        b"x-forwarded-for": b"6.6.6.6, 10.1.2.3",
        b"x-forwarded-proto": b"https",
        b"x-forwarded-host": b"out",
        b"x-forwarded-prefix": b"/p",
    }
    stranger = dict(forwarded(dict(claims), "11.1.2.3", "http", "/p", parse_networks("10.0.0.0/8")))
    assert (stranger[b"x-forwarded-for"], stranger[b"x-forwarded-proto"]) == (b"11.1.2.3", b"http")
    assert stranger[b"x-forwarded-host"] == b"in"


def test_a_trusted_proxy_is_known_where_one_socket_serves_both_versions_of_ip():
    """Such a socket writes an IPv4 address as ::ffff:10.1.2.3."""
    trusted = parse_networks("10.0.0.0/8")
    claims = {b"x-forwarded-proto": b"https", b"host": b"in"}
    assert dict(forwarded(claims, "::ffff:10.1.2.3", "http", "/p", trusted))[b"x-forwarded-proto"] == b"https"
    assert dict(forwarded(claims, "::ffff:11.1.2.3", "http", "/p", trusted))[b"x-forwarded-proto"] == b"http"
    assert client_address("::ffff:10.1.2.3", b"6.6.6.6", trusted) == "6.6.6.6"


def test_proxies_may_add_a_line_each_to_the_chain():
    lines = [(b"x-forwarded-for", b"6.6.6.6, 1.1.1.1"), (b"accept", b"*/*"), (b"x-forwarded-for", b"10.0.0.2")]
    given, trusted = by_name(lines), parse_networks("10.0.0.0/8")
    assert given == {b"x-forwarded-for": b"6.6.6.6, 1.1.1.1, 10.0.0.2", b"accept": b"*/*"}
    assert client_address("10.0.0.1", given[b"x-forwarded-for"], trusted) == "1.1.1.1"


@pytest.mark.parametrize(
    ("claimed", "sent"),
    [
        (b"6.6.6.6, 1.1.1.1, 10.0.0.2", b"1.1.1.1, 10.0.0.2, 10.0.0.1"),
        (b"6.6.6.6:80, 1.1.1.1:5000", b"1.1.1.1, 10.0.0.1"),
        (b"10.9.9.9, nonsense, 10.0.0.2", b"10.0.0.2, 10.0.0.1"),
        (b"", b"10.0.0.1"),
    ],
)
def test_services_get_no_address_that_a_client_made_up(claimed: bytes, sent: bytes):
    """They take the first one for the client's; a proxy only adds to what the client sent."""
    fields = forwarded({b"x-forwarded-for": claimed}, "10.0.0.1", "http", "/p", parse_networks("10.0.0.0/8"))
    assert dict(fields)[b"x-forwarded-for"] == sent


@pytest.mark.parametrize(
    ("value", "rewrite", "expected"),
    [
        ("/files/x?a=1", "/files", "/api/files/x?a=1"),
        ("/files", "/files", "/api/files"),
        ("/filesystem", "/files", "/filesystem"),
        ("/x", "", "/api/files/x"),
        ("http://ops.test:8000/files/", "/files", "/api/files/"),
        ("http://10.0.0.7:8001/files?x", "/files", "/api/files?x"),
        ("//10.0.0.7:8001/files", "/files", "/api/files"),
        ("http://10.0.0.7:8001", "", "/api/files/"),
        ("https://elsewhere.test/files", "/files", "https://elsewhere.test/files"),
        ("/api/files/x", "", "/api/files/x"),
        ("x?y", "/files", "x?y"),
    ],
)
def test_a_redirect_to_the_service_itself_stays_on_the_clients_side(value, rewrite, expected):
    own = frozenset({"ops.test:8000", "10.0.0.7:8001"})
    assert location(value, own, "/api/files", rewrite) == expected
