"""A hromada in one process: real stores and the real machines, one seed for all that happens."""
