"""What each end of the link remembers across a restart. All of it is LOCAL: it is never sent."""

from typing import Final

from appliance.store.tables import Owner, Table, integer, text
from sync.backup import tables as backup

LINK: Final = Table(
    "sync_link",
    owner=Owner.LOCAL,
    columns=(
        integer("centre"),  # node number
        integer("up"),
        integer("since", null=True),  # it has been so from then on; NULL: nobody knows
        integer("contact_at", null=True),  # the centre's last signed reply
        text("address"),  # where it answered
        text("trouble"),  # why the last request came to nothing; empty while all is well
        text("day"),  # of this node's wall clock, for which the bytes are counted
        integer("sent"),
        integer("received"),
    ),
    key=("centre",),
)

NODES: Final = Table(
    "sync_node",
    owner=Owner.LOCAL,
    columns=(
        integer("node"),
        integer("contact_at"),
        text("address"),
        text("version"),
        text("clock"),  # what it says of its clock's quality
        integer("offset_ms", null=True),  # its wall time less ours; NULL: not told
        integer("unsent"),  # after what it sent with the same request
        integer("oldest_at", null=True),
    ),
    key=("node",),
)

TABLES: Final = (LINK, NODES, *backup.TABLES)
