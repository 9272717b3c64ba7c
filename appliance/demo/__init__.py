"""The demonstration: an invented hromada of two villages and their centre, on one machine."""
