"""Keeps the beginning and the end of what a command writes, within a size that counts as it will be sent: as JSON text."""

import codecs

ESCAPED_SHORT = bytes((0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x22, 0x5C))
ESCAPED_LONG = bytes(code for code in range(0x20) if code not in ESCAPED_SHORT)
CONTINUATION = range(0x80, 0xC0)


class Kept:
    """One stream. The first `head` and the last `tail` bytes are kept, whole characters; bytes that are no UTF-8 become U+FFFD."""

    def __init__(self, head: int, tail: int) -> None:
        self._room, self._tail_room = head, tail
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head: list[str] = []
        self._open = True
        self._tail, self._after = bytearray(), 0

    def take(self, data: bytes) -> str:
        """Take what came, and return what of it is kept at the beginning."""
        if not self._open:
            self._put_aside(data)
            return ""
        return self._put_first(self._decoder.decode(data))

    def finish(self) -> tuple[str, int, str]:
        """Return the rest of the beginning, how many bytes are cut after it, and the end."""
        rest = self._put_first(self._decoder.decode(b"", final=True)) if self._open else ""
        last = bytes(self._tail)
        if self._after > len(last):
            last = last.lstrip(bytes(CONTINUATION))  # of a character whose beginning is cut
        end = last.decode("utf-8", "replace").encode()
        end = end[_first_that_fits(end, self._tail_room) :]
        return rest, max(0, self._after - len(end)), end.decode("utf-8", "replace")

    def _put_first(self, text: str) -> str:
        clean = text.encode()
        place = _last_that_fits(clean, self._room)
        kept = clean[:place].decode()
        self._room -= cost(clean[:place])
        if place < len(clean):
            self._open = False
            self._put_aside(clean[place:] + self._decoder.getstate()[0])
        return kept

    def _put_aside(self, data: bytes) -> None:
        self._after += len(data)
        self._tail += data[-self._tail_room :]
        del self._tail[: -self._tail_room]


def cost(data: bytes) -> int:
    """Return the bytes that UTF-8 text takes in a JSON string."""
    short = len(data) - len(data.translate(None, ESCAPED_SHORT))
    long = len(data) - len(data.translate(None, ESCAPED_LONG))
    return len(data) + short + 5 * long


def _last_that_fits(data: bytes, room: int) -> int:
    low, high = 0, min(len(data), max(0, room))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(data[:middle]) <= room else (low, middle - 1)
    while 0 < low < len(data) and data[low] in CONTINUATION:
        low -= 1
    return low


def _first_that_fits(data: bytes, room: int) -> int:
    low, high = max(0, len(data) - room), len(data)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if cost(data[middle:]) <= room else (middle + 1, high)
    while low < len(data) and data[low] in CONTINUATION:
        low += 1
    return low
