"""The link of the simulation: it loses, doubles, delays, reorders and cuts, and is listened to.

A third party records what passes. It has no key of ours: it forges, replays, alters, and swaps
replies. A twin has a node's key, and sends what that node never would.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from nacl.signing import SigningKey

from appliance.store import inbox, log
from appliance.store.entries import link
from appliance.store.tables import Lane
from sync import wire
from sync.events import Answered, Broke, Send
from sync.messages import Reply, Request
from sync.receiver import Knock, Response
from sync.signing import Head, Nonce, body_hash, seal_reply
from tests.sync.simulation.village import Village

if TYPE_CHECKING:
    from tests.sync.simulation.world import World

STRANGER = SigningKey(b"\x99" * 32)


@dataclass(frozen=True)
class Seen:
    """A request that somebody has recorded."""

    knock: Knock
    body: bytes
    head: Head


class Network:
    """Every way between the nodes and the centre."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.seen: list[Seen] = []
        self.replies: list[Response] = []
        self.bytes = 0

    def carry(self, village: Village, send: Send) -> None:
        """Bring a request to the centre and its reply back, or do not."""
        world, rates = self.world, self.world.rates
        fate = world.chance.random() if world.troubled else 1.0
        there = self._delay()
        state = village.state
        assert state is not None
        head = state.side(send.wire).head
        assert head is not None
        knock = Knock("POST", send.path, send.authorization, len(send.body))
        self.bytes += len(send.path) + len(send.authorization) + len(send.body)
        if not village.link_up:
            if fate < 0.3:
                return  # a black hole: the agent must give up by itself
            village.later(there, Broke(send.wire, send.attempt, "unreachable"))
            return
        self.seen = [*self.seen[-30:], Seen(knock, send.body, head)]
        back = partial(self._bring_back, village, send, head)
        if fate < rates.lost:
            village.later(there + 5.0, Broke(send.wire, send.attempt, "cut"))
        elif fate < rates.lost + rates.cut:
            cut = send.body[: world.chance.randrange(len(send.body) + 1)]
            world.agenda.after(there, partial(world.centre.receive, knock, cut, back))
        else:
            world.agenda.after(there, partial(world.centre.receive, knock, send.body, back))
            if fate > 1.0 - rates.doubled and world.troubled:
                again = partial(world.centre.receive, knock, send.body, self._nobody)
                world.agenda.after(there + self._delay(), again)

    def _bring_back(
        self, village: Village, send: Send, head: Head, response: Response | None
    ) -> None:
        world = self.world
        fate = world.chance.random() if world.troubled else 1.0
        late = self._delay()
        if response is None or not village.link_up or fate < world.rates.lost:
            village.later(late, Broke(send.wire, send.attempt, "cut"))
            return
        self.bytes += len(response.body)
        if fate < world.rates.lost + world.rates.swapped:
            response = self._swapped(response, head)
        else:
            self.replies = [*self.replies[-10:], response]
        village.later(late, Answered(send.wire, send.attempt, response.status, response.body))

    def _swapped(self, response: Response, head: Head) -> Response:
        """Return what a third party puts in place of a reply."""
        chance = self.world.chance
        greedy = Reply(head.centre_epoch, have=head.last, chain=bytes(16))
        kinds: list[Callable[[], bytes]] = [
            lambda: seal_reply(STRANGER, head, 200, greedy.payload()),
            lambda: bytes(64) + greedy.payload(),
            lambda: bytes([response.body[0] ^ 1]) + response.body[1:] if response.body else b"",
            lambda: response.body[: chance.randrange(len(response.body) + 1)],
            lambda: chance.choice(self.replies).body if self.replies else b"<html>wi-fi</html>",
        ]
        return replace(response, status=200, body=chance.choice(kinds)())

    def _nobody(self, response: Response | None) -> None:
        """Let a reply go where nobody waits for it."""

    def _delay(self) -> float:
        chance = self.world.chance
        if self.world.troubled and chance.random() < 0.05:
            return chance.uniform(1.0, 90.0)
        return chance.uniform(0.02, 0.5)

    # What others send

    def replay(self) -> None:
        """Send a recorded request again, as it was."""
        if self.seen:
            seen = self.world.chance.choice(self.seen)
            if seen.knock.authorization in self.world.centre.arrived:
                self.attack(seen)  # one that never arrived would only be late

    def alter(self) -> None:
        """Send a recorded request with another body, or another path, or another key."""
        if not self.seen:
            return
        chance = self.world.chance
        seen = chance.choice(self.seen)
        place = chance.randrange(len(seen.body))
        other = seen.body[:place] + bytes([seen.body[place] ^ 1]) + seen.body[place + 1 :]
        nonce = replace(seen.head.nonce, counter=seen.head.nonce.counter + 50)
        forged = replace(seen.head, nonce=nonce, body_hash=body_hash(other))
        knocks = [
            seen.knock,
            Knock("POST", forged.path, forged.header(STRANGER), len(other)),
            replace(seen.knock, path=seen.knock.path.replace("tickets", "state")),
            Knock("POST", forged.path, seen.knock.authorization, len(other)),
        ]
        self.attack(Seen(chance.choice(knocks), other, forged))

    def attack(self, seen: Seen) -> None:
        """Send it, and watch that nothing comes of it."""
        self.world.centre.receive(seen.knock, seen.body, self.world.must_be_in_vain)

    def twin(self) -> None:
        """Send, with a node's own key, rows that leave a gap or do not fit the chain."""
        world = self.world
        living = [one for one in world.machines if one.store and one.state]
        if not living or world.centre.store is None:
            return
        village = world.chance.choice(living)
        batch = self._unfit(village)
        if batch is None:
            return
        body = Request(wire.encode(batch)).body()
        head = Head(
            hromada="tykhovody",
            stream=batch.stream,
            lane=batch.lane,
            after=batch.after,
            last=batch.last,
            recipient=1,
            centre_epoch=world.centre.store.epoch,
            nonce=Nonce(batch.stream.epoch, 7, world.chance.getrandbits(40)),
            body_hash=body_hash(body),
        )
        knock = Knock("POST", head.path, head.header(village.key), len(body))
        world.centre.receive(knock, body, world.must_be_in_vain)

    def _unfit(self, village: Village) -> wire.Batch | None:
        """Return a proved batch that the centre must not take, made of the node's own rows."""
        assert village.store is not None
        assert self.world.centre.store is not None
        stream, lane = village.store.stream, Lane.TICKETS
        with village.store.read() as reader, self.world.centre.store.read() as there:
            have = inbox.cursor(there, stream, lane).have
            entries = log.entries(reader, stream, lane, 0, 1 << 20)
        if not entries:
            return None
        if self.world.chance.random() < 0.6:  # beyond all that the node has said
            after = len(entries) + self.world.chance.randrange(1, 3)
            later = (one._replace(lane_seq=after + n) for n, one in enumerate(entries, 1))
            return _rechained(wire.Batch(stream, lane, after, entries[-1].chain, tuple(later)))
        if not have:
            return None
        again = (one._replace(lane_seq=have + place) for place, one in enumerate(entries, 1))
        return _rechained(wire.Batch(stream, lane, have, bytes(16), tuple(again)))


def _rechained(batch: wire.Batch) -> wire.Batch:
    """Return the batch with chain values that prove it."""
    chain = batch.previous
    proved = []
    for entry in batch.entries:
        chain = link(chain, batch.stream, batch.lane, entry)
        proved.append(entry._replace(chain=chain))
    return replace(batch, entries=tuple(proved))
