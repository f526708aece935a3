"""Figures with their commands: suites that measure, results that keep, pages that show.

    python -m benchmarks SUITE --data DATA [--sets ...] [--parts ...]
    python -m benchmarks render

- `suites`: a module per subject, named as on the command line; each part is a function that yields tables
- `common`: what parts are handed: sets, indexes and vectors that are kept, turns, intervals
- `peers`: what is measured beside this library
- `results`: one JSON file per measured part, and the nouns for it
- `render`: writes the tables into the documentation

What was tried and dropped is not here: the documentation keeps its conclusion and the commit that held it.
"""
