"""Which functions there are, and what they take and give."""

from dataclasses import dataclass

from opsbuddy_timeseries_service.promql.nodes import Kind


@dataclass(frozen=True, slots=True)
class Signature:
    """Kinds of the arguments, how many of the last may be left out, and what comes out."""

    takes: tuple[Kind, ...]
    optional: int = 0
    gives: Kind = "vector"


OVER_TIME = ("avg", "min", "max", "sum", "count", "last", "present", "stddev", "stdvar")
RANGE = ("rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets")
MATH = ("abs", "ceil", "floor", "sqrt", "exp", "ln", "log2", "log10", "sgn")
FUNCTIONS: dict[str, Signature] = {
    **{name: Signature(("matrix",)) for name in RANGE},
    **{f"{name}_over_time": Signature(("matrix",)) for name in OVER_TIME},
    "quantile_over_time": Signature(("scalar", "matrix")),
    **{name: Signature(("vector",)) for name in MATH},
    "round": Signature(("vector", "scalar"), 1),
    "clamp": Signature(("vector", "scalar", "scalar")),
    "clamp_min": Signature(("vector", "scalar")),
    "clamp_max": Signature(("vector", "scalar")),
    "timestamp": Signature(("vector",)),
    "absent": Signature(("vector",)),
    "sort": Signature(("vector",)),
    "sort_desc": Signature(("vector",)),
    "histogram_quantile": Signature(("scalar", "vector")),
    "time": Signature((), gives="scalar"),
    "scalar": Signature(("vector",), gives="scalar"),
    "vector": Signature(("scalar",)),
}
AGGREGATIONS = frozenset(
    {"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile"}
)
WITH_PARAMETER = frozenset({"topk", "bottomk", "quantile"})
