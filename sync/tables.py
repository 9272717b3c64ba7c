"""What each end of the link remembers across a restart. All of it is LOCAL: it is never sent."""

from typing import Final

from appliance.store.tables import Owner, Table, blob, integer, text
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
        integer("carried", null=True, since=2),  # about what the operator counts, both ways
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
        integer("compared_at", null=True, since=2),  # its last comparison of chains with ours
        text("compared", null=True, since=2),  # how it came out
    ),
    key=("node",),
)

COMPARISON: Final = Table(
    "sync_comparison",
    owner=Owner.LOCAL,
    columns=(
        integer("node"),  # 0: this appliance itself
        integer("at"),
        text("outcome"),
        text("place"),  # the lane that is not as it should be; empty where all is well
    ),
    key=("node",),
)

ASKED: Final = Table(
    "sync_asked",  # what a node asked by its last bundle, until a later one asks
    owner=Owner.LOCAL,
    columns=(
        integer("node"),
        integer("epoch"),  # the start of the node that asked
        integer("number"),  # the last number of its log then
        integer("came_at"),
        blob("ask"),  # as `sync.asks` writes it
    ),
    key=("node",),
)

TABLES: Final = (LINK, NODES, COMPARISON, ASKED, *backup.TABLES)
