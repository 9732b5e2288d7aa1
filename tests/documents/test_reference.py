"""The pages of the reference that only the services themselves can tell."""

import pytest

from tests.generated import BY_SERVICES, difference


@pytest.mark.process  # it takes seconds to ask all of them
def test_the_page_of_the_interfaces_says_what_the_services_say() -> None:
    for path, make in BY_SERVICES.items():
        assert difference(path, make()) == [], "run make generate"
