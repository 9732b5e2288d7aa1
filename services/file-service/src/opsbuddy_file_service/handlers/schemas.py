"""What OpenAPI cannot read from the handlers that take their bodies as streams."""

from typing import Any

_DOCUMENT = {"type": "object", "additionalProperties": True}
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "tags": {"type": "string", "description": "A JSON object", "example": '{"category":"logs"}'},
                        "metadata": {"type": "string", "description": "A JSON object", "example": '{"host":"web-1"}'},
                    },
                }
            }
        },
    }
}
CHANGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"filename": {"type": "string"}, "tags": _DOCUMENT, "metadata": _DOCUMENT},
                },
                "example": {"tags": {"category": "logs"}, "metadata": {"host": "web-1"}},
            }
        },
    }
}
CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The content as it was stored",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
