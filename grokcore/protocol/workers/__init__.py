"""Rules for several workers of one server, without I/O.

* :mod:`.restarts` says when a worker that has died is started again, and when no more.
"""
