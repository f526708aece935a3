"""From queries to ranked hits: legs that score, fusion, relevance, diversity."""
