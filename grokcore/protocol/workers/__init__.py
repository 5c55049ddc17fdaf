"""Rules for several workers of one server, without I/O.

* :mod:`.restarts` says when a worker that has died is started again, and when no more.
* :mod:`.figures` adds up the figures of reports, :mod:`.metric_sums` those of ``/metrics``.
"""
