"""Mistakes that somebody could make, one class each: the invariants must catch every one.

A mutant lives here alone. It changes the machines by a subclass, or by a patch for the time of one
run; the product has no switch for any of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any
from unittest.mock import patch

from appliance.store import down, inbox, log
from appliance.store.revisions import DownPage, Grants
from appliance.store.tables import Lane
from appliance.store.transaction import Transaction
from sync import answering, intake, lanes, receiver
from sync.agent import Agent
from sync.events import Action, Broke, Event
from sync.intake import Exchanged
from sync.lanes import Answer, Draft, Settlement
from sync.messages import Reply
from sync.receiver import Centre
from sync.sides import State
from sync.wire import Batch
from tests.sync.simulation.village import Village
from tests.sync.simulation.world import World


class Mutant(World):
    """A world with one mistake in it."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        """Give what is changed for the time of the run."""
        return iter(())

    def run(self) -> str:
        with ExitStack() as changed:
            for one in self.patches():
                changed.enter_context(one)
            return super().run()


class AckBeforeCommit(Mutant):
    """The centre answers first and writes later."""

    def exchange(self, *asked: Any) -> Exchanged:
        centre, _, welcome, body = asked
        delivery = intake.read(welcome.head, body)
        if delivery.batch is None:
            return intake.exchange(*asked)
        batch = delivery.batch
        life = self.centre.life

        def late() -> None:
            if self.centre.life == life:
                intake.exchange(*asked)

        self.agenda.after(3.0, late)
        reply = Reply(centre.epoch, have=batch.last, chain=batch.proof)
        return Exchanged(centre.reply(welcome.head, reply))


class ReusedEpoch(Mutant):
    """A start takes the next number for its epoch, which a copy of the file takes, too."""

    def entropy(self, *, centre: bool) -> Callable[[int], bytes]:
        if centre:
            return super().entropy(centre=centre)
        numbers = count(1)
        return lambda size: (
            next(numbers).to_bytes(size, "big") if size == 6 else self.chance.randbytes(size)
        )


class IgnoredChain(Mutant):
    """The centre takes what follows by number, whatever chain it continues."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        yield patch.object(intake, "chain_of", lambda _tx, _part, here: here.chain)
        yield patch.object(inbox, "_check", _unchecked)


class GapAccepted(Mutant):
    """The centre takes a batch that begins after what it has."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        def keep(tx: Transaction, part: Batch) -> int:
            here = inbox.cursor(tx, part.stream, part.lane)
            fresh = [entry for entry in part.entries if entry.lane_seq > here.have]
            inbox.append(tx, part.stream, part.lane, fresh)
            return len(fresh)

        yield patch.object(intake, "keep", keep)
        yield patch.object(inbox, "_check", _unchecked)


class SkippedTwice(Mutant):
    """What overlaps is passed over, and one entry more."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        def keep(tx: Transaction, part: Batch) -> int:
            here = inbox.cursor(tx, part.stream, part.lane)
            more = 1 if here.have > part.after else 0
            fresh = part.entries[here.have - part.after + more :]
            inbox.append(tx, part.stream, part.lane, fresh)
            return len(fresh)

        yield patch.object(intake, "keep", keep)
        yield patch.object(inbox, "_check", _unchecked)


class UnsignedAckAccepted(Mutant):
    """The node believes a reply without looking at its signature."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        yield patch.object(answering, "open_reply", lambda _key, _head, _status, body: body[64:])
        yield patch.object(log, "chain_at", lambda *_: bytes(16))


class CursorMovesOnSend(Mutant):
    """The node takes what it sends for received."""

    def drafted(self, village: Village, draft: Draft) -> None:
        super().drafted(village, draft)
        if draft.rows and village.store is not None and village.state is not None:
            epoch = village.state.centre_epoch
            village.store.write(_acknowledged, draft, epoch)


class CursorSlipsBack(Mutant):
    """A cursor sometimes falls by one, within one epoch of the centre."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        right = lanes.settle

        def settle(tx: Transaction, answer: Answer) -> Settlement:
            settled = right(tx, answer)
            if not answer.acks:
                tx.run("UPDATE _cursor SET have = have - 1 WHERE have > 3")
            return settled

        yield patch.object(lanes, "settle", settle)


class CentreKeepsItsEpoch(Mutant):
    """The centre names one epoch for ever, through restarts and restores."""

    @staticmethod
    def centre_kind(*told: Any) -> Centre:
        hromada, number, key, _, members = told
        return Centre(hromada, number, key, 1, members)


class NonceForgotten(Mutant):
    """The centre does not remember which requests it has answered."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        yield patch.object(receiver.State, "after", lambda state, _head: state.nonces)


class CursorsNotAskedAgain(Mutant):
    """The node believes its old cursors when the centre has a new epoch."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        yield patch.object(log, "unconfirmed", lambda *_: [])


class TornTransaction(Mutant):
    """The node shows each page as it comes."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        right = down.apply

        def apply(tx: Transaction, scope: str, lane: Lane, page: DownPage) -> Any:
            return right(tx, scope, lane, replace(page, complete=True))

        yield patch.object(down, "apply", apply)


class RevocationIgnored(Mutant):
    """The node confirms a revocation and keeps the rows."""

    def patches(self) -> Iterator[AbstractContextManager[Any]]:
        right = down.obey

        def obey(tx: Transaction, told: Grants) -> bool:
            kept = {*told.scopes, *down.granted(tx).scopes}
            return right(tx, Grants(told.order, tuple(sorted(kept))))

        yield patch.object(down, "obey", obey)


class GivesUp(Mutant):
    """The node stops trying when a later request fails."""

    class Weary(Agent):
        """An agent that ends."""

        def step(
            self, state: State, event: Event, now: float, chance: Random
        ) -> tuple[State, tuple[Action, ...]]:
            never = float("inf")
            if state.urgent.until == never:
                return state, ()
            if isinstance(event, Broke) and state.urgent.attempt > 10:
                urgent, bulk = (replace(one, until=never) for one in (state.urgent, state.bulk))
                return replace(state, urgent=urgent, bulk=bulk), ()
            return super().step(state, event, now, chance)

    agent_kind = Weary


MUTANTS: Mapping[str, type[Mutant]] = {kind.__name__: kind for kind in Mutant.__subclasses__()}


def _acknowledged(tx: Transaction, draft: Draft, epoch: int) -> None:
    log.acknowledge(tx, draft.stream, draft.lane, have=draft.last, safe=0, centre_epoch=epoch)


def _unchecked(*_: object) -> None:
    """Find nothing wrong."""
