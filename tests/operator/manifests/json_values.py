"""Strategies for pieces of manifests."""

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "1Gi", "1024Mi"])
PLAIN = st.dictionaries(NAMES, SCALARS, max_size=2)


def _entries(key: str, keys: st.SearchStrategy, **optional: st.SearchStrategy) -> st.SearchStrategy:
    entry = st.fixed_dictionaries({key: keys}, optional=optional)
    return st.lists(entry, max_size=3, unique_by=lambda each: each[key])


_PORTS = _entries("containerPort", st.integers(1, 3), name=NAMES)
_ENV = _entries("name", NAMES, value=SCALARS, valueFrom=PLAIN)
_CONTAINERS = _entries(
    "name", NAMES, image=SCALARS, env=_ENV, ports=_PORTS, args=st.lists(SCALARS, max_size=2), resources=PLAIN
)
MANIFESTS = st.fixed_dictionaries(
    {},
    optional={"containers": _CONTAINERS, "volumes": _entries("name", NAMES, emptyDir=PLAIN), "a": PLAIN, "b": SCALARS},
)
ANYTHING = (
    SCALARS
    | st.lists(SCALARS, max_size=2)
    | st.dictionaries(
        st.sampled_from(["containers", "volumes", "a"]), SCALARS | st.lists(SCALARS | PLAIN, max_size=2), max_size=2
    )
)
