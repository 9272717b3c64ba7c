"""The rooms of a node give their tables and handlers here, and their pages in `appliance.faces`.

A new service is one line in each. The two are apart because whoever opens the database need not
import every page.
"""

from typing import Final

from appliance.commands import tables as commands
from appliance.commands.service import Handlers
from appliance.people import tables as people
from appliance.queue import afar as queue_afar
from appliance.queue import tables as queue
from appliance.web import idempotency
from sync import tables as sync

TABLES: Final = (
    *people.TABLES,
    *commands.TABLES,
    *queue.TABLES,
    *idempotency.TABLES,
    *sync.TABLES,
)
"""Every table of `node.db`."""

HANDLERS: Final[Handlers] = {**queue_afar.HANDLERS}
"""What each service does when another node asks for it."""
