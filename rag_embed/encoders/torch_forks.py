"""torch in a forked process, imported for its effect: there it computes on one thread.

The threads that torch computed on before do not survive the fork; it would wait for them forever.
"""

from __future__ import annotations

import os
from functools import partial

import torch

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
