"""A page for people: ask, see why, read around, compare; made on the server, with nothing from elsewhere."""
