"""The link between two stores, for tests: what goes down and what goes up, at the asked moment."""

from appliance.people.tables import EVERYWHERE, of_office
from appliance.store import down, inbox, log, projection
from appliance.store.database import Store
from appliance.store.revisions import Grants
from appliance.store.tables import Lane

BYTES = 64 * 1024


def grant(village: Store) -> None:
    """Let a village hold what its office may see."""
    village.write(down.obey, Grants(1, (EVERYWHERE, of_office(village.node))))


def send_down(centre: Store, village: Store, lane: Lane = Lane.TICKETS) -> None:
    """Let everything that the centre has for the village land there."""
    for scope in (EVERYWHERE, of_office(village.node)):
        complete = False
        while not complete:
            with village.read() as reader:
                after = down.cursor(reader, scope, lane)
            with centre.read() as reader:
                page = down.changes(reader, scope, lane, after, BYTES)
            village.write(down.apply, scope, lane, page)
            complete = page.complete


def send_up(village: Store, centre: Store, lane: Lane = Lane.TICKETS) -> None:
    """Let everything that the village has for the centre land there, and be projected."""
    with village.read() as reader:
        streams = log.pending_streams(reader, lane)
    for stream in streams:
        with centre.read() as reader:
            have = inbox.cursor(reader, stream, lane).have
        with village.read() as reader:
            entries = log.entries(reader, stream, lane, have, BYTES)
        cursor = centre.write(inbox.append, stream, lane, entries)
        village.write(
            log.acknowledge,
            stream,
            lane,
            have=cursor.have,
            safe=0,
            centre_epoch=centre.epoch,
        )
    while centre.write(projection.step):
        pass
