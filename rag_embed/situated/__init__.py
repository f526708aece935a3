"""How much of its document a chunk's vector sees."""
