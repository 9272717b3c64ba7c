"""A clerk in a process of its own, to be killed: tickets from several hands, each told when kept.

Each line on stdout is an answer, `number id`: it is written only after `Store.write` has returned.
`--mistake` plants one that the tests have to notice.
"""

import argparse
import os
import threading
from itertools import count
from pathlib import Path

from appliance.store import pragmas
from appliance.store.clock import SystemClock
from appliance.store.database import Store
from appliance.store.ids import RowId
from appliance.store.transaction import Transaction
from tests.store.two_ends import TABLES, TICKET, VILLAGE, VISIT, WINDOW

SERIES = "А"


def take(tx: Transaction, hand: int, turn: int) -> tuple[int, RowId]:
    """Take a ticket: rows of two lanes, a fold and a number, or nothing of it."""
    number = tx.next_number(SERIES)
    ticket = tx.insert(TICKET, {"number": number, "holder": f"{hand}.{turn}" * (1 + turn % 20)})
    tx.insert(VISIT, {"ticket": ticket, "note": "прийшов"})
    if tx.update_where(WINDOW, {"title": f"{hand}"}, {"ticket": ticket, "busy": turn}) == []:
        tx.insert(WINDOW, {"title": f"{hand}", "ticket": ticket, "busy": turn})
    return number, ticket


def told_too_early(tx: Transaction, hand: int, turn: int) -> tuple[int, RowId]:
    """Give the answer before the commit: the mistake that a killed process brings to light."""
    number, ticket = take(tx, hand, turn)
    answer(number, ticket)
    return number, ticket


def answer(number: int, ticket: RowId) -> None:
    """Tell whoever reads the pipe, in one write."""
    os.write(1, f"{number} {ticket}\n".encode())


def work(store: Store, hand: int, turns: int, *, early: bool) -> None:
    """Take tickets until the turns or the process are over."""
    for turn in count(1):
        if early:
            store.write(told_too_early, hand, turn)
        else:
            answer(*store.write(take, hand, turn))
        if turn == turns:
            return


def main() -> None:
    """Open the file as the node does and let all hands work."""
    told = argparse.ArgumentParser()
    told.add_argument("file", type=Path)
    told.add_argument("--hands", type=int, default=3)
    told.add_argument("--turns", type=int, default=0, help="0: without end")
    told.add_argument("--mistake", choices=["normal", "early"])
    asked = told.parse_args()
    if asked.mistake == "normal":
        pragmas.WRITER = tuple(  # type: ignore[misc, assignment]
            pragma.replace("= FULL", "= NORMAL") for pragma in pragmas.WRITER
        )
    store = Store.open(asked.file, TABLES, node=VILLAGE, clock=SystemClock())
    hands = [
        threading.Thread(
            target=work,
            args=(store, hand, asked.turns),
            kwargs={"early": asked.mistake == "early"},
        )
        for hand in range(asked.hands)
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    store.close()


if __name__ == "__main__":
    main()
