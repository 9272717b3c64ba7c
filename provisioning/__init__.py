"""What a technician runs to make a node and to bind it to its centre."""
