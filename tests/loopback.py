"""Addresses of this machine alone that no other test, and no other run of the tests, listens at."""

import random


def address() -> str:
    """Return an address of 127.0.0.0/8; the two after it are free, too."""
    chance = random.SystemRandom()  # two runs of the tests have one seed
    return f"127.{chance.randint(1, 250)}.{chance.randint(1, 250)}.{chance.randrange(4, 250, 4)}"
