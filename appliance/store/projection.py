"""From the inbox into the typed tables: a step at a time, from where the last step ended.

A step is one short transaction. What it cannot apply is held with its reason and later entries of
that key queue behind it; everything else goes on, so no entry ever stops a stream. A step that is
run again after a crash starts from its own cursor, which moved in the same transaction as the rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from appliance.store import erasures, foreign, inbox, quarantine
from appliance.store.entries import Entry, Op
from appliance.store.failures import DiskBroken, DiskFull, FileDamaged, StoreBusy
from appliance.store.foreign import Births, Content, ForeignTable, Gone
from appliance.store.ids import StreamId
from appliance.store.inbox import Received
from appliance.store.quarantine import PATIENT, Hold, Quarantined, Reason
from appliance.store.reader import Reader
from appliance.store.tables import Lane, Value
from appliance.store.transaction import Transaction

STEP: Final = 300
"""Entries that one step looks at: well under 50 ms."""

NEXT: Final = """SELECT * FROM _inbox_cursor WHERE projected < have
  ORDER BY lane, arrived LIMIT 1"""
PART: Final = f"""SELECT {inbox.COLUMNS} FROM _inbox
  WHERE node = :node AND epoch = :epoch AND lane = :lane AND lane_seq > :after
    AND lane_seq <= :upto
  ORDER BY lane_seq LIMIT :most"""
MOVE: Final = """UPDATE _inbox_cursor SET projected = ?
  WHERE node = ? AND epoch = ? AND lane = ?"""
NOT_THE_ENTRY: Final = (DiskFull, DiskBroken, FileDamaged, StoreBusy)
"""What fails a step, and not the entry that it was at."""


def remaining(reader: Reader) -> int:
    """Return how many received entries no step has looked at yet."""
    return int(reader.value("SELECT ifnull(sum(have - projected), 0) FROM _inbox_cursor"))


def quarantined(reader: Reader, *, most: int = 1000) -> list[Quarantined]:
    """Return what is held, in the order in which it came."""
    return quarantine.held(reader, most=most)


def counts(reader: Reader, *, node: int | None = None) -> tuple[int, int]:
    """Return (what only waits its turn, what needs an upgrade or a person), of a node or of all."""
    told = quarantine.counts(reader, node=node)
    patient = sum(count for reason, count in told.items() if reason in PATIENT)
    return patient, sum(told.values()) - patient


def replay_quarantined(tx: Transaction) -> int:
    """Let every held entry be tried again by the next steps; return how many there are.

    An owner calls it at each start: the program may have been upgraded, or a parent restored.
    """
    return tx.run("UPDATE _held SET reason = 'ready'").rowcount


def step(tx: Transaction, limit: int = STEP) -> int:
    """Apply what nothing stands in the way of; return how many entries were looked at.

    Zero means that all is projected but what is held. The most urgent lane goes first, and a step
    ends where a transaction of the sender ends, so nobody sees half of one.
    """
    work = _Work(tx)
    looked = work.again(quarantine.ready(tx, most=limit))
    while looked < limit:
        row = tx.one(NEXT)
        if row is None:
            break
        lane = inbox.received(row)
        part = _part(tx, lane, limit - looked)
        work.take(lane, part)
        looked += len(part)
        if part[-1].lane_seq < lane.have:  # what is left of the limit holds no whole transaction
            break
    work.announce()
    return looked


def follow(tx: Transaction, stream: StreamId, lane: Lane, entries: Sequence[Entry]) -> None:
    """Apply what was kept just now, as a step would; leave it to the steps if older ones wait.

    It saves to read again what is at hand, and a commit. `entries` are whole transactions.
    """
    row = tx.one(inbox.STANDS, **inbox.place(stream, lane))
    if row is None:
        return
    here = inbox.received(row)
    fresh = entries[max(0, here.projected + 1 - entries[0].lane_seq) :] if entries else ()
    if not fresh or fresh[0].lane_seq != here.projected + 1:
        return
    work = _Work(tx)
    work.take(here, fresh)
    work.announce()


def _part(tx: Transaction, lane: Received, most: int) -> list[Entry]:
    """Return whole transactions of the sender, at least one; about `most` entries."""
    place = {**inbox.place(lane.stream, lane.lane), "after": lane.projected, "upto": lane.have}
    found = _next(tx, place, most)
    if len(found) <= most:
        return found
    whole = [entry for entry in found if entry.tx != found[-1].tx]
    while not whole:  # one transaction is larger than that
        most *= 4
        found = _next(tx, place, most)
        ends = len(found) <= most or found[-1].tx != found[0].tx
        whole = [entry for entry in found if entry.tx == found[0].tx] if ends else []
    return whole


def _next(tx: Transaction, place: Mapping[str, Value], most: int) -> list[Entry]:
    """Return so many entries and one more, by which to see whether the last one ends anything."""
    return [inbox.entry_of(row) for row in tx.all(PART, **place, most=most + 1)]


Told = tuple[ForeignTable, Content] | Gone | Hold
"""What an entry says: of a row of which table, or which rows it erases; or why it must be held."""


class _Work:
    """What one step knows."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._tables: dict[str, ForeignTable | None] = {}
        self._births: dict[str, Births] = {}  # of this part, not written yet
        self._seen: set[bytes] = set()  # rows that are here, so their children need not ask
        self._erased: set[tuple[str, bytes]] = set()  # of the rows that this part is about
        self._any_held = tx.value("SELECT 1 FROM _held LIMIT 1") is not None
        self._rooms: set[str] = set()

    def take(self, lane: Received, part: Sequence[Entry]) -> None:
        """Apply or hold entries that come for the first time, and move the lane's cursor."""
        try:
            with self._undone_if_it_fails():
                self._look_for_erased(part)
                begins = foreign.begins(lane.stream)
                told = [self._read(begins, entry) for entry in part]
                self._look_for_parents(part, told)
                for entry, content in zip(part, told, strict=True):
                    self._apply(lane, entry, content)
                self._write_births()
        except NOT_THE_ENTRY:
            raise
        except Exception:  # noqa: BLE001 - a fold may raise anything; whose fault it is, is found below
            self._one_by_one(lane, part)
        stream = lane.stream
        self._tx.run(MOVE, (part[-1].lane_seq, stream.node, stream.epoch, int(lane.lane)))

    def again(self, held: Sequence[Quarantined]) -> int:
        """Try held entries that nothing stands in the way of any more; return how many."""
        for one in held:
            lane = Received(one.stream, one.lane)
            entry = inbox.one(self._tx, one.stream, one.lane, one.lane_seq)
            self._carefully(lane, entry, place=one.place)
        return len(held)

    def announce(self) -> None:
        """Wake those who look at what has changed."""
        for room in self._rooms:
            self._tx.announce(room)

    def _one_by_one(self, lane: Received, part: Sequence[Entry]) -> None:
        for entry in part:
            self._carefully(lane, entry)

    def _carefully(self, lane: Received, entry: Entry, *, place: int | None = None) -> None:
        """Apply or hold one entry; if the row or its fold is refused, that is the reason."""
        try:
            with self._undone_if_it_fails():
                self._look_for_erased([entry])
                told = self._read(foreign.begins(lane.stream), entry)
                self._apply(lane, entry, told, place=place)
                self._write_births()
        except NOT_THE_ENTRY:
            raise
        except Exception as error:  # noqa: BLE001 - one bad fold must not stop a whole stream
            self._hold(lane, entry, Hold.of(error))

    @contextmanager
    def _undone_if_it_fails(self) -> Iterator[None]:
        self._tx.run("SAVEPOINT projection")
        try:
            yield
        except BaseException:
            self._births.clear()
            self._seen.clear()
            if not self._tx.lost:
                self._tx.run("ROLLBACK TO projection")
                self._tx.run("RELEASE projection")
            raise
        self._tx.run("RELEASE projection")

    def _read(self, begins: bytes, entry: Entry) -> Told:
        """Return what the entry says, or why that cannot be applied; no row is looked at.

        `begins` is how the ids of its stream begin.
        """
        table = self._table(entry.table)
        if entry.op is Op.ERASE:
            return foreign.erased_by(begins, table, entry)
        if table is None:
            return Hold(Reason.UNKNOWN_TABLE, f"no table {entry.table} here")
        why = foreign.not_its_own(begins, table, entry)
        content = why or foreign.content_of(table, entry)
        if isinstance(content, Hold):
            return content
        return table.demands.unmet(begins, content) or (table, content)

    def _look_for_erased(self, part: Sequence[Entry]) -> None:
        """Find which of the rows were erased here: what comes of them late is passed over."""
        self._erased = erasures.any_of(self._tx, part)

    def _look_for_parents(self, part: Sequence[Entry], told: Sequence[Told]) -> None:
        """Find the rows that the entries point to, with one question for many of them.

        It only saves questions: what is not found here is asked for again when its turn comes.
        """
        born = {entry.key for entry in part}
        wanted: dict[str, set[bytes]] = {}
        for table, content in (one for one in told if not isinstance(one, Gone | Hold)):
            for index, parent in table.parents:
                pointed = content.get(index)
                if type(pointed) is bytes and pointed not in born:
                    wanted.setdefault(parent, set()).add(pointed)
        for parent, ids in wanted.items():
            self._seen |= foreign.present(self._tx, parent, ids)

    def _apply(self, lane: Received, entry: Entry, told: Told, *, place: int | None = None) -> None:
        why = self._change(entry, told, place)
        if why is not None:
            self._hold(lane, entry, why)
            return
        if place is not None:
            quarantine.let_go(self._tx, place)
        if self._any_held:
            quarantine.release(self._tx, entry.key)

    def _hold(self, lane: Received, entry: Entry, why: Hold) -> None:
        quarantine.hold(self._tx, lane.stream, lane.lane, entry, why)
        self._any_held = True

    def _change(self, entry: Entry, told: Told, place: int | None) -> Hold | None:
        """Apply the entry, or return why it has to be held; a held one has changed nothing."""
        if isinstance(told, Gone):
            self._erase(entry.table, told.ids)
            return None
        if self._erased and (entry.table, entry.key) in self._erased:
            return None
        ordered = entry.op not in (Op.INSERT, Op.ERASE)
        if ordered and self._stands_behind(entry.key, place):
            return Hold(Reason.BEHIND, "an earlier entry of the row is held")
        if isinstance(told, Hold):
            return told
        table, content = told
        why = foreign.missing_parent(self._tx, table, content, self._seen)
        return why or self._write(table, entry, content)

    def _erase(self, table: str, ids: Sequence[bytes]) -> None:
        self._write_births()
        erasures.carry_out(self._tx, table, ids)
        self._erased.update((table, key) for key in ids)

    def _stands_behind(self, key: bytes, place: int | None) -> bool:
        return self._any_held and quarantine.stands_before(self._tx, key, place=place)

    def _write(self, table: ForeignTable, entry: Entry, content: Content) -> Hold | None:
        if entry.op is Op.INSERT:
            births = self._births.get(entry.table)
            if births is None:
                births = self._births[entry.table] = Births(table)
                self._rooms.add(table.room)
            births.add(entry, content)
            self._seen.add(entry.key)
            return None
        self._write_births()
        if not foreign.alter(self._tx, table, entry, content):
            return Hold(Reason.WAITING, "for the row itself", parent=entry.key)
        self._rooms.add(table.room)
        return None

    def _write_births(self) -> None:
        """Write and fold the new rows, table after table in the order of declaration."""
        for table in self._tx.tables if self._births else ():
            if births := self._births.pop(table.name, None):
                births.write(self._tx)

    def _table(self, name: str) -> ForeignTable | None:
        if name not in self._tables:
            table = self._tx.tables.get(name)
            self._tables[name] = None if table is None else ForeignTable(table, self._tx.tables)
        return self._tables[name]
