"""The pages of the reference that only the services themselves can tell."""

from tests.generated import BY_SERVICES, difference


def test_the_page_of_the_interfaces_says_what_the_services_say() -> None:
    for path, make in BY_SERVICES.items():
        assert difference(path, make()) == [], "run make generate"
