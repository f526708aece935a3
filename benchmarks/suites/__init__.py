"""A module per subject; each names its parts in ``SUITE``."""
