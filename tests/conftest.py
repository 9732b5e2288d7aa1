import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=20)  # of make check; make test takes as many as is usual


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files anew; read the difference before you commit it",
    )
