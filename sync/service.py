"""What staff change about replication: each verb is one transaction."""

from appliance.people import audit
from appliance.people.access import Staff
from appliance.store import projection
from appliance.store.transaction import Transaction


def replay_held(tx: Transaction, *, actor: Staff) -> int:
    """Let every held entry be tried again; return how many there are.

    Nothing is lost by it: what still cannot be applied is held again, with its reason.
    """
    count = projection.replay_quarantined(tx)
    audit.record(tx, actor=actor, action="sync.replay", subject="inbox", facts={"entries": count})
    tx.announce("inbox")
    tx.announce("link")
    return count
