from tests.support.influxdb import influxd  # noqa: F401 - fixture
