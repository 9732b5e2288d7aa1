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
_CHANGED = {
    "schema": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"filename": {"type": "string"}, "tags": _DOCUMENT, "metadata": _DOCUMENT},
    },
    "example": {"tags": {"category": "logs"}, "metadata": {"host": "web-1"}},
}
CHANGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": _CHANGED, "application/merge-patch+json": _CHANGED},
    }
}
_RECORD = {"schema": {"$ref": "#/components/schemas/FileRecord"}}
PUT: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "application/json": _CHANGED,
        }
    }
}
PUT_ANSWERS: dict[int | str, dict[str, Any]] = {
    201: {"description": "The file is new", "content": {"application/json": _RECORD}}
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The record is what If-None-Match says"}}
CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The content as it was stored",
        "content": {"*/*": {}},
    },
    206: {
        "description": "The part that Range asks for; several are multipart/byteranges",
        "content": {"*/*": {}},
    },
    304: {"description": "The content is what If-None-Match says"},
}
