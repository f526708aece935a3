"""Does it help on this corpus? Everything here asks labels; nothing here serves a query.

One kind of labels goes in, `evaluation.Collection`; one kind of answer comes out, `evaluation.Verdict`;
and ``index.apply(verdict)`` makes it take effect.
"""
