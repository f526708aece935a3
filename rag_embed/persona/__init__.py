"""Persona-Plug: a user's history as a soft prompt of a frozen language model."""
