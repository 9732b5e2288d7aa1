from tests.support.traces import traces  # noqa: F401 - a fixture
