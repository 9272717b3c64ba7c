"""Replication, both ends: pure machines with thin shells."""
