"""Records of requests, and the figures made from them: log lines, metrics, the last hour.

A request is recorded in a :class:`~grokcore.web.observing.trace.Trace`, which the edge passes to
listeners when the request is over. Listeners never wait and never raise, and they keep a bounded
amount. They know nothing of the web layer beside the trace.
"""
