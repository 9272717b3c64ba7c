"""Pages of DOWN rows as bytes: one page of one scope and lane in each.

byte 0      0x20 plain, 0x21 packed with zstd; then deterministic CBOR:
[scope, lane, kind, after, upto, as_of, complete, [table, ...], [row, ...]]
row         [table's place, id, epoch, seq, schema, body or null]: null is a tombstone
"""

from typing import Any, ClassVar, Final

import zstandard

from appliance.errors import VuzolError
from appliance.store.ids import EPOCH_LIMIT, LENGTH, SEQ_LIMIT
from appliance.store.revisions import DownPage, DownRow, PageKind, Rev
from appliance.store.tables import Lane
from sync import strict

PLAIN: Final = 0x20
PACKED: Final = 0x21
LARGEST: Final = 4 << 20
LEVEL: Final = 12
SHAPE: Final = (str, int, int, list, list, list, int, list, list)
ROW: Final = [int, bytes, int, int, int]
LATEST_SCHEMA: Final = 1 << 31
KINDS: Final = {int(kind): kind for kind in PageKind}
LANES: Final = {int(lane): lane for lane in Lane}


class BadPage(VuzolError):
    """Bytes that came as rows of the centre are none."""

    code: ClassVar[str] = "bad_page"
    status_hint: ClassVar[int] = 502

    def __init__(self, reason: str) -> None:
        super().__init__(f"a page is malformed: {reason}", next_step="update the older side")


def written(scope: str, lane: Lane, page: DownPage) -> bytes:
    """Return the page as bytes."""
    tables = {name: place for place, name in enumerate(dict.fromkeys(r.table for r in page.rows))}
    rows = [[tables[row.table], row.id, *row.rev, row.schema, row.body] for row in page.rows]
    moves = [list(page.after), list(page.upto), list(page.as_of)]
    told = [scope, int(lane), int(page.kind), *moves, int(page.complete), list(tables), rows]
    plain = strict.dumps(told)
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(plain)
    if len(packed) < len(plain):
        return bytes((PACKED,)) + packed
    return bytes((PLAIN,)) + plain


def read(data: bytes) -> tuple[str, Lane, DownPage]:
    """Return scope, lane and page; raise `BadPage` for anything but what `written` writes."""
    try:
        told: Any = strict.loads(_unpacked(data))
    except strict.BadCbor as error:
        raise BadPage(error.cause) from None
    if not isinstance(told, list) or [*map(type, told)] != [*SHAPE]:
        raise BadPage("it is not made as we make it")
    scope, lane, kind, after, upto, as_of, complete, tables, rows = told
    if lane not in LANES or kind not in KINDS or {*map(type, tables)} - {str}:
        raise BadPage("it is of a kind that nobody knows")
    page = DownPage(
        rows=tuple(_row(row, tables) for row in rows),
        upto=_rev(upto),
        complete=bool(complete),
        kind=KINDS[kind],
        after=_rev(after),
        as_of=_rev(as_of),
    )
    return scope, LANES[lane], page


def _unpacked(data: bytes) -> bytes:
    kind, rest = data[:1], data[1:]
    if kind == bytes((PLAIN,)):
        return rest
    if kind != bytes((PACKED,)):
        raise BadPage("its version is unknown")
    try:
        if not 0 < zstandard.get_frame_parameters(rest).content_size <= LARGEST:
            raise BadPage("it is too large")
        return zstandard.ZstdDecompressor(max_window_size=LARGEST).decompress(
            rest, max_output_size=LARGEST, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise BadPage(f"it does not unpack: {error}") from None


def _rev(value: list[Any]) -> Rev:
    if [*map(type, value)] != [int, int]:
        raise BadPage("a revision is no pair of numbers")
    rev = Rev(*value)
    if not (0 <= rev.epoch < EPOCH_LIMIT and 0 <= rev.seq < SEQ_LIMIT):
        raise BadPage("a revision is out of range")
    return rev


def _row(row: Any, tables: list[str]) -> DownRow:  # noqa: ANN401 - checked here
    if not isinstance(row, list) or [*map(type, row[:5])] != ROW or len(row) != len(ROW) + 1:
        raise BadPage("a row is not made as we make it")
    place, key, epoch, seq, schema, body = row
    if not 0 <= place < len(tables) or len(key) != LENGTH or type(body) not in (bytes, type(None)):
        raise BadPage("a row is out of range")
    if not 0 <= schema < LATEST_SCHEMA:
        raise BadPage("a schema is out of range")
    return DownRow(tables[place], key, _rev([epoch, seq]), body is None, schema, body)
