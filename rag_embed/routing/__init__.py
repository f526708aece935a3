"""Which expert answers which query: pilots, the router made of them, experts and their cards."""
