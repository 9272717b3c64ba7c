"""Which scopes each node may hold, as the centre decides and the node confirms.

A grant list is told whole, with an order that only grows, so a late message takes nothing back. A
node that has confirmed an order which this file does not know tells that the file was restored:
the list is issued again under a greater order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from appliance.store.reader import Reader
from appliance.store.revisions import Grants
from appliance.store.transaction import Transaction

DDL: Final = (
    """CREATE TABLE _grant (node INTEGER NOT NULL, scope TEXT NOT NULL, PRIMARY KEY (node, scope))
    STRICT, WITHOUT ROWID""",
    """CREATE TABLE _grant_order (
      node INTEGER PRIMARY KEY, number INTEGER NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0,
      at INTEGER NOT NULL
    ) STRICT""",
)
ISSUE: Final = """INSERT INTO _grant_order (node, number, at) VALUES (?, ?, ?)
  ON CONFLICT (node) DO UPDATE SET number = excluded.number, at = excluded.at"""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A node that has not said yet that it holds what it may, and nothing else."""

    node: int
    order: int
    confirmed: int
    at: int  # when the order was issued


def of(reader: Reader, node: int) -> Grants:
    """Return what a node may hold; order 0 if nobody has ever decided."""
    order = reader.value("SELECT number FROM _grant_order WHERE node = :node", node=node) or 0
    rows = reader.all("SELECT scope FROM _grant WHERE node = :node ORDER BY scope", node=node)
    return Grants(order, tuple(row["scope"] for row in rows))


def give(tx: Transaction, node: int, scopes: Iterable[str]) -> Grants:
    """Let a node hold these scopes and no others; a new order only if that is a change."""
    before = of(tx, node)
    wanted = tuple(sorted(set(scopes)))
    if before.order and wanted == before.scopes:
        return before
    tx.run("DELETE FROM _grant WHERE node = ?", (node,))
    for scope in wanted:
        tx.run("INSERT INTO _grant (node, scope) VALUES (?, ?)", (node, scope))
    tx.run(ISSUE, (node, before.order + 1, tx.now))
    tx.announce("down")
    return Grants(before.order + 1, wanted)


def confirm(tx: Transaction, node: int, order: int) -> None:
    """Note which order the node obeys; `order` is what it said in a signed request."""
    now = of(tx, node)
    if order > now.order:
        tx.run(ISSUE, (node, order + 1, tx.now))
    tx.run("UPDATE _grant_order SET confirmed = ? WHERE node = ?", (order, node))


def unconfirmed(reader: Reader) -> list[Unconfirmed]:
    """Return the nodes that have an order still to confirm."""
    rows = reader.all("SELECT * FROM _grant_order WHERE confirmed <> number ORDER BY node")
    return [Unconfirmed(row["node"], row["number"], row["confirmed"], row["at"]) for row in rows]
