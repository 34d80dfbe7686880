"""How fast whole systems are: ``vocoders bench infer | stream | train``.

A layer above training and inference, as it measures both.  Parts that can be measured alone have a ``bench.py`` of
their own, beside what it measures.
"""
