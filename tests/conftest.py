import gc
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type] # jsonschema looks for it, it compiles 38 grammars for seconds, and no schema here asks for an IRI

gc.disable()  # until all is collected: of what is imported and found by then, next to nothing goes away again

BUSY = [HealthCheck.too_slow]  # counts seconds, which says nothing about a strategy on a machine that others use too
settings.register_profile("default", settings.get_profile("default"), suppress_health_check=BUSY)
settings.load_profile("default")
settings.register_profile("quick", max_examples=20)  # of make check; make test takes as many as is usual


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew; read the difference before you commit it",
    )


@pytest.hookimpl(tryfirst=True)  # whoever runs the tests ends the asking
def pytest_runtestloop() -> None:
    """Take what is there by now out of the garbage collector's sight: each of its passes would look at every module and every test again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Return how many run side by side: tests wait for things now and then, and two processors keep four busy."""
    return max(4, os.cpu_count() or 1)
