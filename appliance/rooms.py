"""The rooms of a node: each gives its tables here, and its pages where the surfaces are built.

A new service is one line in `TABLES` and one in each list of `appliance.faces` that it has pages
on.
"""

from typing import Final

from appliance.people import tables as people
from appliance.queue import tables as queue
from appliance.web import idempotency
from sync import tables as sync

TABLES: Final = (*people.TABLES, *queue.TABLES, *idempotency.TABLES, *sync.TABLES)
"""Every table of `node.db`."""
