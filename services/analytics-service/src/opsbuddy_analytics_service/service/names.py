"""How many services may have logs. Each name is a row of `/metrics`, `/stats` and the counts of every minute: names that somebody invents end somewhere."""

from collections.abc import Sequence

from opsbuddy_analytics_service.models import EntryError, NewLog
from opsbuddy_analytics_service.service.intake import Intake
from opsbuddy_analytics_service.storage.stores import Journal

CODE = "too_many_services"


class ServiceNames:
    """The names that have logs in the journal: at most `most`, and new ones only while there is room."""

    def __init__(self, journal: Journal, most: int) -> None:
        self._journal, self._most = journal, most
        self._known: set[str] = set()

    async def refresh(self) -> None:
        """Know what the journal knows: names whose logs are all gone make room for others."""
        self._known = set(await self._journal.services(self._most))

    def refused(self, logs: Sequence[NewLog], *, dry_run: bool = False) -> frozenset[str]:
        """Return the names that there is no room for; the other new ones are known from now on."""
        fresh = {log.service for log in logs} - self._known
        if not fresh:
            return frozenset()
        room = max(0, self._most - len(self._known))
        in_order = list(dict.fromkeys(log.service for log in logs if log.service in fresh))
        if not dry_run:
            self._known.update(in_order[:room])
        return frozenset(in_order[room:])

    def admitted(self, intake: Intake, *, dry_run: bool = False) -> Intake:
        """Return what is left of an intake, with the reason for what is not."""
        refused = self.refused(intake.entries, dry_run=dry_run)
        if not refused:
            return intake
        wrong = {each.index for each in intake.rejections}
        places = (place for place in range(len(intake.entries) + len(wrong)) if place not in wrong)
        placed = list(zip(places, intake.entries, strict=True))
        rejections = [
            *intake.rejections,
            *(EntryError("service", self.reason, CODE, place) for place, log in placed if log.service in refused),
        ]
        rejections.sort(key=lambda each: each.index)
        return Intake([log for _, log in placed if log.service not in refused], rejections, intake.body)

    @property
    def reason(self) -> str:
        return f"is the name of another service than the {self._most} that have logs already (MAX_SERVICES)"
