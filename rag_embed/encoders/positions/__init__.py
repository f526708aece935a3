"""Positions beyond those that a model was trained on: tables, rotary frequencies, attention."""
