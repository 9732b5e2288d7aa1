"""Why an address could not be read, in words that an operator can act on."""

import os

import aiohttp

WORDS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name is not known"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not accepted"),
    (aiohttp.ClientSSLError, "it does not speak TLS there"),
    (aiohttp.InvalidURL, "its address is not valid"),
    (aiohttp.ClientConnectorError, "it takes no connection"),
    (aiohttp.ServerDisconnectedError, "it closed the connection before it answered"),
    (aiohttp.ClientPayloadError, "its answer broke off"),
    (aiohttp.ClientResponseError, "its answer is no HTTP"),
    (TimeoutError, "it does not answer in time"),
    (OSError, "the connection broke"),
)  # the first that fits: some are of several kinds


def trouble(error: Exception) -> str:
    """Return what went wrong, as the end of a sentence about the address. Texts of libraries stay out: they have addresses and names of Python in them."""
    words = next((words for kind, words in WORDS if isinstance(error, kind)), "what it sends cannot be read")
    number = error.errno if isinstance(error, OSError) else None
    return f"{words}: {os.strerror(number)}" if number and number > 0 else words
