"""A centre and one village with a queue, on real files and one clock, and the link between them."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.commands import queries as asked
from appliance.commands import worker
from appliance.commands.model import Outcome, Story
from appliance.people.model import Role
from appliance.queue import queries, service
from appliance.queue.afar import HANDLERS
from appliance.queue.here import token_hash
from appliance.queue.model import Event, Purpose, Ticket
from appliance.queue.service import Operator, Wish
from appliance.store.clock import FixedClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.tables import Lane
from tests.people import staffing
from tests.people.carried import grant, send_down, send_up
from tests.queue.office import HERE, TABLES, Office, furnish

NUMBER: Final = 3
THERE: Final = service.Office(NUMBER, HERE.zone, HERE.opens)
IVAN: Final = Operator("s01-0000000001-9", "Іван Бойко", 1)


@dataclass
class Villages:
    """The centre, with its catalogue, and one village that has just come to know it."""

    office: Office  # the centre
    village: Store
    clock: FixedClock  # of the village; the centre's is `office.clock`

    def take(self, *, purpose: Purpose = Purpose.SUBMIT, token: str = "") -> Ticket:
        """Take a ticket in the village; the centre comes to know it."""
        wish = Wish(self.office.extract, purpose, "uk")
        hashed = token_hash(token or secrets.token_hex(8))
        taken = self.village.write(
            service.take_ticket, THERE, wish, device="kiosk", token_hash=hashed
        )
        self.up()
        return taken

    def call(self) -> Ticket:
        """Call the next person in the village."""
        self.village.write(service.open_counter, THERE, IVAN)
        return self.village.write(service.call_next, THERE, IVAN)

    def advance(self, event: Event) -> Ticket:
        """Go on with the person at the counter."""
        return self.village.write(service.advance, THERE, IVAN, event)

    def down(self) -> list[Outcome]:
        """Let what the centre has asked land in the village; return what it decides."""
        send_down(self.office.store, self.village)
        return worker.decide_all(self.village, HANDLERS)

    def up(self) -> None:
        """Let what the village has written land at the centre."""
        for lane in (Lane.TICKETS, Lane.STATE):
            send_up(self.village, self.office.store, lane)
        worker.settle_all(self.office.store)

    def there(self, ticket: RowId) -> Ticket:
        """Return the ticket as the village has it."""
        with self.village.read() as reader:
            return queries.ticket(reader, ticket)

    def waiting(self) -> list[str]:
        """Return who waits in the village, in the order of calling."""
        with self.village.read() as reader:
            return [one.label for one in queries.waiting(reader, NUMBER)]

    def told(self, ticket: RowId) -> list[Story]:
        """Return what the centre knows was asked about the ticket, the newest first."""
        with self.office.store.read() as reader:
            return asked.stories(reader, [ticket]).get(ticket, [])


@contextmanager
def villages(folder: Path, now: int) -> Iterator[Villages]:
    """Open both, with an administrator at the centre."""
    clocks = FixedClock(now), FixedClock(now)
    centre = Store.open(folder / "centre.db", TABLES, node=1, clock=clocks[0])
    village = Store.open(folder / "village.db", TABLES, node=NUMBER, clock=clocks[1], centre=False)
    try:
        found = Villages(furnish(centre, clocks[0]), village, clocks[1])
        staffing.hire(centre, "admin", name="Олена Гончар", roles=[Role.ADMINISTRATOR])
        grant(village)
        for lane in (Lane.TICKETS, Lane.STATE):
            send_down(centre, village, lane)
        yield found
    finally:
        village.close()
        centre.close()
