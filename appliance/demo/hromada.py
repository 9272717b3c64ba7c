"""Make the invented hromada: keys that know one another, settings, and at the centre its content.

Everything is done once for a data folder: a demonstration that is started again finds what it
left. The villages get services and staff as any village does, by replication.
"""

from collections.abc import Sequence
from pathlib import Path

from appliance.config import Role
from appliance.demo import catalogue, staff
from appliance.demo.places import Place, folder, node_toml
from appliance.people import service as people
from appliance.people.passwords import HashingThread
from appliance.people.queries import staff_list
from appliance.queue import catalogue as queue
from appliance.rooms import TABLES
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.transaction import Transaction
from provisioning.keys import NODE_KEY, own_key, public_text

ACTOR = "system"
DATABASE = "node.db"


def prepare(home: Path, places: Sequence[Place]) -> None:
    """Write each appliance's folder, and fill the centre's database if it is new."""
    keys = {place.number: public_text(own_key(folder(home, place) / NODE_KEY)) for place in places}
    for place in places:
        text = node_toml(place, tuple(places), keys)
        (folder(home, place) / "node.toml").write_text(text, encoding="utf-8")
    centre = next(place for place in places if place.role is Role.CENTRE)
    database = folder(home, centre) / DATABASE
    store = Store.open(database, TABLES, node=centre.number, clock=SystemClock(trusted=True))
    try:
        _furnish(store)
    finally:
        store.close()


def _furnish(store: Store) -> None:
    with store.read() as reader:
        if staff_list(reader):
            return
    hashing = HashingThread()
    try:
        store.write(_fill, hashing.hash(staff.PASSWORD), store.node)
    finally:
        hashing.close()


def _fill(tx: Transaction, hashed: str, centre: int) -> None:
    """Put staff and services into the new database: all of it, or nothing."""
    for member in staff.STAFF:
        people.hire(
            tx,
            login=member.login,
            name=member.name,
            offices=member.offices,
            hashed=hashed,
            by=ACTOR,
            temporary=False,
        )
    for described in catalogue.EVERYWHERE:
        queue.add_service(tx, described, scope=queue.EVERYWHERE, actor=ACTOR)
    for described in catalogue.CENTRE_ONLY:
        queue.add_service(tx, described, scope=queue.scope_of(centre), actor=ACTOR)
    for ordering, (name_uk, name_en, ground) in enumerate(catalogue.CATEGORIES, start=1):
        queue.add_category(
            tx, name_uk=name_uk, name_en=name_en, ground=ground, ordering=ordering, actor=ACTOR
        )
