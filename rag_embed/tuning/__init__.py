"""Does it help on this corpus? Everything here asks labels; nothing here serves a query."""
