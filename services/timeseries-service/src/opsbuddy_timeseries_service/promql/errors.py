"""What can be wrong with a query, in the words of Prometheus' API."""


class PromError(Exception):
    """A query that cannot be answered: `kind` is the API's errorType, `status` that of HTTP."""

    kind = "execution"
    status = 422


class BadQueryError(PromError):
    """It cannot be read, or asks for what is not supported here."""

    kind = "bad_data"
    status = 400
