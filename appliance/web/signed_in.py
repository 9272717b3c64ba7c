"""Who has signed in, as far as a page's frame needs to know.

The room of people finds the session and calls `remember`; the frame shows the name, and every
writing request of that session must carry the token.
"""

from dataclasses import dataclass
from typing import cast

from flask import g


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """The person in front of the page."""

    name: str
    csrf_token: str
    note: str = ""  # what stands before the name: «Вікно 2», «Технік»
    sign_out_url: str = ""  # where the sign-out form posts to


def remember(person: SignedIn) -> None:
    """Keep who has signed in until the request ends."""
    g.vuzol_signed_in = person


def signed_in() -> SignedIn | None:
    """Return who has signed in, or None for a stranger."""
    return cast(SignedIn | None, g.get("vuzol_signed_in"))
