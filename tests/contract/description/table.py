"""The promises of the description, each with the section that makes it. They hold wherever the platform runs."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.contract.description import analytics, files, operations, timeseries, ui, utility
from tests.contract.description.installation import Installation


class Promise(NamedTuple):
    """A heading of the description, and what shows that it is kept."""

    section: str
    keep: Callable[[Installation], Awaitable[None]]

    @property
    def words(self) -> str:
        return f"{self.section}: {self.keep.__name__.replace('_', ' ')}"


PROMISES = tuple(
    Promise(section, keep)
    for section, kept in {
        "Health Check Response Format": (operations.health_has_the_documented_shape_on_every_port,),
        "Health Check Endpoints": (
            operations.status_tells_the_detail_on_every_port,
            operations.the_gateway_watches_every_service,
        ),
        "Access the Services": (
            operations.documentation_opens_on_every_port,
            operations.one_page_documents_the_whole_platform,
        ),
        "Circuit Breaker": (operations.the_breaker_of_every_service_is_shown_and_closed,),
        "API Gateway": (
            operations.every_service_answers_through_the_gateway,
            operations.what_is_not_there_is_a_problem_document,
        ),
        "File Service": (
            files.a_file_with_tags_comes_back_as_it_was_sent,
            files.files_are_found_by_their_tags,
            files.tags_and_metadata_of_a_file_are_changed,
            files.a_form_that_cannot_be_used_is_refused_by_its_field,
        ),
        "Utility Service": (utility.a_configuration_is_created_read_updated_and_deleted,),
        "Command Execution (Utility Service)": (utility.only_allowed_commands_are_executed,),
        "Analytics Service": (
            analytics.a_batch_is_taken_and_queried_by_service_and_level,
            analytics.three_equal_logs_of_one_instant_stay_three,
            analytics.a_log_that_does_not_fit_the_schema_is_refused_by_its_place,
            analytics.every_service_ships_its_own_logs,
        ),
        "Direct Service Access": (
            files.the_service_lists_and_takes_files_on_its_own_port,
            utility.configurations_are_listed_on_the_services_own_port,
            utility.system_information_is_told,
            utility.a_command_is_executed,
            analytics.a_single_log_is_taken_and_found,
            analytics.metrics_are_json_and_text_where_prometheus_asks,
            analytics.statistics_cover_a_day,
        ),
        "Timeseries Service": (timeseries.points_are_written_and_read_in_buckets,),
        "Dashboard Features": (ui.it_welcomes_and_shows_six_services_live,),
    }.items()
    for keep in kept
)
