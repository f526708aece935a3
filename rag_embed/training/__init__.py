"""Fitting small adapters to your own pairs, and saying honestly whether they help.

`pairs` and `splits` know no model; `losses`, `lora` and `loop` know no task; `expert`, `situated` and
`merge` put them together. Using what was trained belongs to `rag_embed.encoders.adapter`.
"""
