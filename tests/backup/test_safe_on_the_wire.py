"""A village learns over the link what the centre has proved, and keeps it across restarts."""

from pathlib import Path

from appliance.config import Config
from appliance.store import log
from appliance.store.ids import StreamId
from appliance.store.tables import Lane
from sync.backup.keeper import Keeper
from sync.safety import Asking
from tests.sync_link.pair import HubServer, Village, until
from tests.sync_link.rows import readings, visit


def cursors(village: Village, stream: StreamId) -> dict[Lane, tuple[int, int]]:
    with village.store.read() as reader:
        return {
            lane: tuple(log.cursor(reader, stream, lane)) for lane in (Lane.TICKETS, Lane.READINGS)
        }


def asks(village: Village) -> None:
    village.link._safety = Asking()
    village.link.call()


def test_safe_follows_have_only_after_a_proved_copy(tmp_path: Path, told: Config) -> None:
    centre = HubServer(tmp_path)
    keeper = Keeper(told, centre.store)  # its settings name the shelf, its store the centre's file
    village = Village(tmp_path, centre.url)
    try:
        village.store.write(visit, 1)
        village.store.write(readings, 0, 5)
        first = village.store.stream
        sent = {Lane.TICKETS: (2, 0), Lane.READINGS: (5, 0)}
        until(lambda: cursors(village, first) == sent)
        asks(village)
        keeper.copy()
        village.store.write(visit, 2)
        until(lambda: cursors(village, first)[Lane.TICKETS] == (4, 0))

        assert keeper.trial()
        asks(village)
        proved = {Lane.TICKETS: (4, 4), Lane.READINGS: (5, 5)}
        until(lambda: cursors(village, first) == proved)
        village.store.write(visit, 3)  # its own reply tells what is proved of its lane
        until(lambda: cursors(village, first)[Lane.TICKETS] == (6, 4))
        village.stop()

        assert keeper.trial()
        village = Village(tmp_path, centre.url)  # the old start is closed, and still asked about
        asks(village)
        until(lambda: cursors(village, first)[Lane.TICKETS] == (6, 6))
        assert not village.link.ledger.warnings
    finally:
        village.stop()
        centre.stop()
