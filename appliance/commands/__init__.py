"""Commands: what is asked of an object whose home is elsewhere, and what the home answers."""
