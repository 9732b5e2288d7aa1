"""Whether somebody is let in: what was pasted is read, counted, shown to the gateway, and only then sealed for the browser."""

from dataclasses import dataclass
from http import HTTPStatus

from opsbuddy_core.errors import OpsBuddyError, TooManyRequestsError, UnauthenticatedError, UnavailableError
from opsbuddy_core.logs import get_logger
from opsbuddy_ui_service.access import credential
from opsbuddy_ui_service.access.attempts import Attempts
from opsbuddy_ui_service.access.credential import Credential, UnreadableCredentialError
from opsbuddy_ui_service.access.entrance import Entrance
from opsbuddy_ui_service.access.session import Sessions, TooLongToKeepError
from opsbuddy_ui_service.live.monitor import Monitor

log = get_logger("login")
TOO_LONG = "This token is too long to be kept in a cookie, of which browsers keep 4,096 bytes. Ask for one with fewer claims, or use an API key."


class NotAdmittedError(Exception):
    """Nobody was let in. `words` stand at the field; `retry_after` in seconds."""

    def __init__(self, words: str, status: HTTPStatus, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.words, self.status = words, status
        self.retry_after = None if retry_after is None else max(1, round(retry_after))


@dataclass(frozen=True, slots=True)
class Admitted:
    """A sealed session, and how many seconds it has."""

    sealed: str
    seconds: int


class Admission:
    """Lets in, or says why not."""

    def __init__(self, monitor: Monitor, sessions: Sessions, entrance: Entrance, attempts: Attempts) -> None:
        self._monitor, self._sessions, self._entrance, self._attempts = monitor, sessions, entrance, attempts

    async def admit(self, pasted: str, client: str) -> Admitted:
        """Return the session of what `client` pasted. Raises NotAdmittedError."""
        try:
            given = credential.read(pasted)
            session = self._sessions.begin(given)
            admitted = Admitted(self._sessions.seal(session), self._sessions.left(session))
        except UnreadableCredentialError as error:
            raise NotAdmittedError(str(error), HTTPStatus.UNPROCESSABLE_ENTITY) from None
        except TooLongToKeepError:
            raise NotAdmittedError(TOO_LONG, HTTPStatus.UNPROCESSABLE_ENTITY) from None
        if seconds := self._attempts.take(client):
            raise _too_often(seconds)
        await self._checked(given, client)
        if admitted.seconds < 1:  # the gateway gives it a little longer, for clocks that differ
            raise NotAdmittedError("Not signed in. The token has expired.", HTTPStatus.UNAUTHORIZED)
        self._attempts.forget(client)
        log.info("Signed in", operation="login", method=given.kind, subject=given.who or None)
        return admitted

    async def _checked(self, given: Credential, client: str) -> None:
        try:
            view = self._monitor.view()
            if not view.live:
                view = await self._monitor.ask()
            if not view.live:
                raise UnavailableError("It does not answer.")
            await self._entrance.check(view.doors, given)
        except UnauthenticatedError as error:
            log.warning("Nobody was signed in", operation="login", method=given.kind, reason=error.detail)
            raise NotAdmittedError(f"Not signed in. {error.detail}", HTTPStatus.UNAUTHORIZED) from None
        except TooManyRequestsError as error:
            self._attempts.forgive(client)
            raise _too_often(error.retry_after or 1) from None
        except OpsBuddyError as error:
            self._attempts.forgive(client)
            words = f"Not signed in: the gateway did not say whether this holds. {error.detail} Nothing was kept; try again."
            raise NotAdmittedError(words, HTTPStatus.SERVICE_UNAVAILABLE, 5) from None


def _too_often(seconds: float) -> NotAdmittedError:
    words = f"Too many attempts; try again in {max(1, round(seconds))} s."
    return NotAdmittedError(words, HTTPStatus.TOO_MANY_REQUESTS, seconds)
