"""Where log lines go: stdout, whole lines, in few writes.

Lines of one turn of the event loop are written together at its end. So a busy process makes one system call for many lines, an idle one
writes each at once, and a killed one loses no more than the turn that it was in.
"""

import asyncio
import atexit
import threading
from collections import deque
from contextlib import suppress
from typing import TextIO


class Output:
    """A text stream that takes lines, from any thread. What a thread without an event loop writes is written at once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._writing = threading.Lock()
        atexit.register(self.flush)

    def write(self, line: str) -> None:
        """Take a line, without its end."""
        self._lines.append(line)
        if len(self._lines) > 1:
            return  # the flush that the first one asked for takes this one too
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        with self._writing:
            lines = self._lines
            taken = [
                lines.popleft() for _ in range(len(lines))
            ]  # nobody else takes any, and what comes meanwhile comes behind
            if not taken:
                return
            taken.append("")
            with suppress(ValueError):  # the stream is closed: the process ends
                self._stream.write("\n".join(taken))
                self._stream.flush()

    def close(self) -> None:
        """Write what is waiting, for the last time."""
        self.flush()
        atexit.unregister(self.flush)
