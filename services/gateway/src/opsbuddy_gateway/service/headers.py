"""Which header fields go through, in both directions (RFC 9110 section 7.6), and what the gateway adds."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Header = tuple[bytes, bytes]
Networks = tuple[IPv4Network | IPv6Network, ...]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What the gateway tells services about who asks; from a client they are never believed.
IDENTITY = frozenset({b"x-opsbuddy-subject", b"x-opsbuddy-roles", b"x-opsbuddy-auth-method"})
# A client must not make the gateway drop what frames the message or says who asks.
NEVER_NAMED = frozenset({b"content-length", b"host", b"authorization", b"cookie"}) | IDENTITY
SET_BY_GATEWAY = frozenset(
    {
        b"expect",
        b"x-request-id",
        b"traceparent",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-forwarded-prefix",
        b"forwarded",
    }
)
STAY_HERE = HOP_BY_HOP | SET_BY_GATEWAY  # of a request; what the gateway sets, it sets anew
OWN_IN_ANSWERS = frozenset(
    {b"date", b"x-request-id", b"x-gateway-reason"}
)  # the server and the gateway write these themselves
STAY_THERE = HOP_BY_HOP | OWN_IN_ANSWERS
NOTHING: Mapping[bytes, bytes] = {}
LOCATIONS = frozenset({b"location", b"content-location"})
NAMES_NOTHING = frozenset({b"keep-alive", b"close", b"Keep-Alive", b"upgrade", b"Upgrade"})


def by_name(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """Return the fields by their names; of one with several lines the last, but of the chain of proxies all: some add a line each."""
    found = dict(headers)
    if b"x-forwarded-for" in found:
        found[b"x-forwarded-for"] = b", ".join(value for name, value in headers if name == b"x-forwarded-for")
    return found


def end_to_end(headers: Sequence[Header], without: frozenset[bytes] = HOP_BY_HOP) -> list[Header]:
    """Return the fields that are meant for the other end; names are lower case."""
    kept = [header for header in headers if header[0] not in without]
    if len(kept) < len(headers):
        for name, value in headers:
            if name == b"connection" and value not in NAMES_NOTHING:
                named = {token.strip().lower() for token in value.split(b",")} - NEVER_NAMED
                kept = [header for header in kept if header[0] not in named]
    return kept


def forwarded(given: Mapping[bytes, bytes], peer: str, scheme: str, prefix: str, trusted: Networks) -> list[Header]:
    """Return the X-Forwarded-* fields for the next hop. What the peer claims counts only when it is a trusted proxy."""
    claimed = given if trusted and is_trusted(peer, trusted) else NOTHING
    host = claimed.get(b"x-forwarded-host") or given.get(b"host", b"")
    return [
        (b"x-forwarded-for", ", ".join(hops(peer, claimed.get(b"x-forwarded-for"), trusted)).encode()),
        (b"x-forwarded-proto", claimed.get(b"x-forwarded-proto") or scheme.encode()),
        (b"x-forwarded-host", host),
        (b"x-forwarded-prefix", prefix.encode()),
    ]


def client_address(peer: str, chain: bytes | None, trusted: Networks) -> str:
    """Return who asked the first proxy that is trusted: the last address of the chain that a trusted one did not write of itself."""
    return hops(peer, chain, trusted)[0]


def hops(peer: str, chain: bytes | None, trusted: Networks) -> list[str]:
    """Return the addresses from the client to the peer. What stands before the client's own is what it claims: services would take it for the client."""
    found = [peer]
    claims = [hop.strip() for hop in chain.decode("latin-1").split(",")] if chain and trusted else []
    while claims and is_trusted(found[0], trusted):
        claimed = _without_port(claims.pop())
        if not _is_address(claimed):
            break
        found.insert(0, claimed)
    return found


def _without_port(hop: str) -> str:
    """Return the address of a hop; some proxies write the port with it: 192.0.2.1:50000, [2001:db8::1]:50000."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_trusted(peer: str, trusted: Networks) -> bool:
    """Whether an address lies in one of the networks; a socket for both versions writes an IPv4 address as one of IPv6."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in trusted)


def parse_networks(text: str) -> Networks:
    """Read comma-separated CIDRs; raises ValueError that names the wrong one."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def answer(headers: Sequence[Header], status: int) -> list[Header]:
    """Return the fields of an answer that go on to the client."""
    kept = end_to_end(headers, STAY_THERE)
    if status in (204, 304):  # no body follows, and a length would promise one
        kept = [header for header in kept if header[0] != b"content-length"]
    return kept


def location(value: str, own: frozenset[str], prefix: str, rewrite: str) -> str:
    """Return a Location as the client can follow it.

    The service knows neither the prefix nor the address that the client used. A redirect to the service itself becomes a path under the
    prefix, without scheme and host: it then stays where the client already is. `own`: the authorities under which the service knows itself.
    """
    path = value
    if "://" in value[:8] or value.startswith("//"):
        authority, slash, rest = value.split("//", 1)[1].partition("/")
        if authority.lower() not in own:
            return value
        path = slash + rest or "/"
    if not path.startswith("/") or under(path, prefix):
        return path
    if not rewrite:
        return prefix + path
    return prefix + path[len(rewrite) :] if under(path, rewrite) else path


def under(path: str, prefix: str) -> bool:
    """Whether a path, with or without a query, lies under a prefix, by whole segments."""
    return path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] in "/?#")
