"""What a content is, by its first bytes. What a sender says counts only where bytes cannot tell: which kind of text, which kind of package."""

import mimetypes
import re

HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"
MAX_TYPE = 256
MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(\s*;\s*[\w!#$&^.+-]+=([\w!#$&^.+-]+|\"[ !#-\[\]-~]*\"))*", re.ASCII
)
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\1\0", "image/vnd.microsoft.icon"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"OggS\0", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"\0asm", "application/wasm"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS-Adobe-", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"PK\3\4", "application/zip"),
    (0, b"PK\5\6", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\7", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"\xd4\xc3\xb2\xa1", "application/vnd.tcpdump.pcap"),
    (0, b"\n\r\r\n", "application/x-pcapng"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
RIFF = frozenset({"image/webp", "audio/wav", "video/x-msvideo"})
PACKAGES = {  # containers: what is inside, the sender or the name has to say
    "application/zip": re.compile(
        r"application/(vnd\.openxmlformats-officedocument\.|vnd\.oasis\.opendocument\.|java-archive|epub\+zip|vnd\.android\.package-archive)"
    ),
    "application/x-ole-storage": re.compile(r"application/(msword|vnd\.ms-)"),
    "application/ogg": re.compile(r"(audio|video)/ogg"),
    "video/webm": re.compile(r"(audio|video)/(webm|x-matroska)"),
    "video/mp4": re.compile(r"(audio|video)/(mp4|x-m4a|x-m4v|3gpp)"),
}
TEXTUAL = re.compile(
    r"text/|[^;]*\+(json|xml)\b|application/(json|ndjson|x-ndjson|jsonl|xml|yaml|x-yaml|toml|sql|javascript|x-sh|x-shellscript|x-python|x-tex|graphql)\b",
    re.IGNORECASE,
)
BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
BINARY = re.compile(rb"[\0-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")
MARKUP = re.compile(
    rb"<(!doctype html|html|head|body|script|iframe|table|a|h1|div|style|title|br|p)[\s>/]", re.IGNORECASE
)
XML = re.compile(rb"<\?xml\s", re.IGNORECASE)
SVG = re.compile(rb"<(!doctype\s+)?svg[\s>]", re.IGNORECASE)
PROLOGUE = ((b"<!--", b"-->"), (b"<?xml", b"?>"))


def sniff(head: bytes, declared: str | None, filename: str) -> str:
    """Return the media type of a content whose first HEAD_BYTES, or all, are `head`."""
    said = [kind for kind in (_wellformed(declared), mimetypes.guess_type(filename, strict=False)[0]) if kind]
    if found := _signature(head):
        return next((kind for kind in said if found in PACKAGES and PACKAGES[found].match(kind)), found)
    told = next((kind for kind in said if TEXTUAL.match(kind)), None)
    if not _is_text(head, told):
        return UNKNOWN
    return _markup(head, told) or told or "text/plain"


def matches(pattern: str, kind: str) -> bool:
    """Say whether a media type, without its parameters, is `text/plain`, `text/*` or `*/*`."""
    essence = kind.partition(";")[0].strip().lower()
    return pattern in {essence, f"{essence.partition('/')[0]}/*", "*/*"}


def _wellformed(declared: str | None) -> str | None:
    return declared if declared and len(declared) <= MAX_TYPE and MEDIA_TYPE.fullmatch(declared) else None


def _signature(head: bytes) -> str | None:
    for offset, magic, kind in SIGNATURES:
        if head.startswith(magic, offset) and (kind not in RIFF or head.startswith(b"RIFF")):
            return kind
    return None


def _is_text(head: bytes, told: str | None) -> bool:
    if head.startswith(BOMS):
        return True
    if BINARY.search(head):
        return False
    try:
        head[: len(head) - _cut(head)].decode("utf-8")
    except UnicodeDecodeError:
        return told is not None  # an older encoding, if somebody says that it is text at all
    return True


def _cut(head: bytes) -> int:
    """Return how many bytes at the end begin a character that the head has not whole."""
    for back in range(1, min(4, len(head)) + 1):
        byte = head[-back]
        if byte >= 0xC0:  # noqa: PLR2004 - the first byte of a longer character
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4  # noqa: PLR2004 - likewise
            return back if needed > back else 0
        if byte < 0x80:  # noqa: PLR2004 - a character of one byte
            return 0
    return 0


def _markup(head: bytes, told: str | None) -> str | None:
    """Return the type of what a browser would run, whatever its sender calls it."""
    element = _first_element(head)
    if SVG.match(element):
        return "image/svg+xml"
    if MARKUP.match(element):
        return told if told and told.startswith(("text/html", "application/xhtml")) else "text/html"
    if XML.match(head.lstrip()):
        return told if told and "xml" in told else "application/xml"
    return None


def _first_element(head: bytes) -> bytes:
    """Return the head without the comments and the XML declaration before its first element."""
    rest = head.removeprefix(BOMS[0]).lstrip()
    while opened := next(((begin, end) for begin, end in PROLOGUE if rest[: len(begin)].lower() == begin), None):
        place = rest.find(opened[1])
        if place < 0:
            return b""
        rest = rest[place + len(opened[1]) :].lstrip()
    return rest
