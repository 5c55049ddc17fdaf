"""The HTTP edge: from a socket to a request that the app may see.

The edge protects the app and its other clients. It bounds connections, writes and bodies, refuses
requests of foreign web pages, reads paths generously, and identifies the caller by the API key.
Every request gets a :class:`~grokcore.web.edge.lifetime.Lifetime`, with which all its tasks and
resources end. The edge knows neither routes nor answers: handlers use it, not the other way round.
"""
