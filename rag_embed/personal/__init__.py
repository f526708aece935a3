"""A user's history bends the query, and the language model's answer."""
