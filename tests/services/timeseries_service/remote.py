"""Remote write as a sender makes it: protocol buffers by hand, in a block of snappy."""

import struct

import cramjam
import httpx2

STALE = bytes.fromhex("020000000000f07f")


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def part(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def sample(milliseconds: int, value: float | bytes) -> bytes:
    raw = value if isinstance(value, bytes) else struct.pack("<d", value)
    return part(2, b"\x09" + raw + b"\x10" + varint(milliseconds % 2**64))


def message(*series: tuple[dict[str, str], list[tuple[int, float | bytes]]]) -> bytes:
    """A WriteRequest of series: labels, then samples of milliseconds and a value or its eight bytes."""
    parts = []
    for labels, samples in series:
        names = [part(1, part(1, name.encode()) + part(2, value.encode())) for name, value in sorted(labels.items())]
        parts.append(part(1, b"".join(names) + b"".join(sample(*each) for each in samples)))
    return b"".join(parts)


HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}


async def write(
    http: httpx2.AsyncClient, *series: tuple[dict[str, str], list[tuple[int, float | bytes]]]
) -> httpx2.Response:
    packed = bytes(cramjam.snappy.compress_raw(message(*series)))
    return await http.post("/api/v1/write", content=packed, headers=HEADERS)
