"""The two ends of the bench of streams: a service that takes or gives a large body, and a client that does the opposite. Blocking sockets are cheapest."""

import contextlib
import socket
import sys
import threading
import time

MIB = 1024 * 1024
SIZE = 256 * MIB
PIECE = bytes(256 * 1024)


def upload(port: int, path: str) -> float:
    """Send the body; return the seconds until the answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begun = time.perf_counter()
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {SIZE}\r\n\r\n".encode())
        _give(connection)
        head, _ = _head(connection)
        _expect(head, b"200")
        return time.perf_counter() - begun


def download(port: int, path: str) -> float:
    """Take the body; return the seconds until all of it is there."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        begun = time.perf_counter()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        head, more = _head(connection)
        _expect(head, b"200")
        _take(connection, SIZE - len(more))
        return time.perf_counter() - begun


def _give(connection: socket.socket) -> None:
    for _ in range(SIZE // len(PIECE)):
        connection.sendall(PIECE)


def _take(connection: socket.socket, left: int) -> None:
    buffer = bytearray(len(PIECE))
    while left:
        taken = connection.recv_into(buffer, min(left, len(buffer)))
        if not taken:
            raise ConnectionError(f"{left} bytes are missing")
        left -= taken


def _head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return the head of a message and what came with it of the body; nothing when the other side has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65536)):
            return b"", b""
        data += piece
    head, _, more = data.partition(b"\r\n\r\n")
    return head, more


def _expect(head: bytes, status: bytes) -> None:
    if head.split(b" ")[1:2] != [status]:
        raise RuntimeError(f"the answer was {head[:500]!r}")


def _answer(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):  # a health check may hang up
        while True:
            head, more = _head(connection)
            if head.startswith(b"POST"):
                _take(connection, SIZE - len(more))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            elif b"/down " in head:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
                _give(connection)
            elif head:  # a health check
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            else:
                return


def _serve() -> None:
    """Be the service: print the port, run until killed."""
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    _serve()
