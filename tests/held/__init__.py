"""Measurements of what holds under hostility: one file for each figure, and a table of all figures
at the end of a run.

Each measurement has a small size, which belongs to the suite, and a full one: ``python3 -m tests -m
on_demand``. Traffic goes to loopback only, and all of it is bounded in number and time.
"""
