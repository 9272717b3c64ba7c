"""What a node remembers of its copies across a restart, and what the centre has proved to be safe.

Both are LOCAL. A copy of the file holds what was proved before the copy was made, so a file that
is put back never says too much.
"""

from typing import Final

from appliance.store.tables import Owner, Table, integer, text

BACKUP: Final = Table(
    "sync_backup",
    owner=Owner.LOCAL,
    columns=(
        integer("place"),  # always 1: there is one row
        integer("tried_at"),  # ms: the last trial, however it ended
        integer("verified_at", null=True),  # ms: the last one that proved a copy
        integer("copy"),  # the number of the copy that it was tried on
        text("trouble"),  # why the last trial proved nothing; empty if it did
    ),
    key=("place",),
)

SAFE: Final = Table(
    "sync_safe",
    owner=Owner.LOCAL,
    columns=(
        integer("node"),
        integer("epoch"),
        integer("lane"),
        integer("upto"),  # a copy that was proved holds the lane up to here
    ),
    key=("node", "epoch", "lane"),
)

TABLES: Final = (BACKUP, SAFE)
