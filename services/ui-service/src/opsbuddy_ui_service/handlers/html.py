"""Answers that are HTML: a page, or a piece of one."""

import gzip

from fastapi import Request, Response


def html(request: Request, text: str, status: int = 200) -> Response:
    """Return the answer, compressed for who can read it. Not kept anywhere: what Back shows has to be true again."""
    headers = {"cache-control": "no-store", "vary": "accept-encoding"}
    body = text.encode()
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["content-encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
    return Response(body, status, headers, "text/html; charset=utf-8")
