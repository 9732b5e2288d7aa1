"""Where Prometheus sends its samples."""

import asyncio

from fastapi import APIRouter, Request

from opsbuddy_core.errors import InvalidRequestError, UnsupportedTypeError
from opsbuddy_timeseries_service.models.points import PointError
from opsbuddy_timeseries_service.remotewrite import from_remote_write, unpacked
from opsbuddy_timeseries_service.service.writing import Writing

MEDIA = "application/x-protobuf"
VERSION = "proto=io.prometheus.write.v2"


def router(service: Writing, limit: int) -> APIRouter:
    """Return the routes; bodies have at most `limit` bytes, packed and unpacked."""
    routes = APIRouter(tags=["ingestion"])

    @routes.post(
        "/api/v1/write",
        summary="Store samples as Prometheus sends them (remote write 1.0)",
        status_code=204,
        openapi_extra={
            "requestBody": {"required": True, "content": {MEDIA: {"schema": {"type": "string", "format": "binary"}}}}
        },
    )
    async def remote_write(request: Request) -> None:
        """204 when all samples are on disk. 422 names those that were refused; the others are stored, and Prometheus does not send them again.

        A metric is a measurement with the field `value`; NaN, infinities and the end of a series are kept.
        """
        media = request.headers.get("content-type", "").replace(" ", "").lower()
        if media.partition(";")[0] != MEDIA or VERSION in media:
            raise UnsupportedTypeError(f"Send {MEDIA} of remote write 1.0.")
        if request.headers.get("content-encoding", "").strip().lower() != "snappy":
            raise UnsupportedTypeError("Send the message as a block of snappy: Content-Encoding: snappy.")
        message = unpacked(await request.body(), limit)
        result = await service.write(await asyncio.to_thread(from_remote_write, message))
        if result.rejected:
            raise InvalidRequestError(
                f"{result.accepted} samples were stored, {result.rejected} were refused. See errors for the reasons.",
                errors=[PointError(each.field, each.reason, each.code, each.index) for each in result.errors],
                accepted=result.accepted,
                rejected=result.rejected,
            )

    return routes
