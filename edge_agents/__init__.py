"""One process for each duty near hardware."""
