"""The web layer: Quart-Trio routes, served by Hypercorn.

Imports run downwards::

    app
    answers   dashboard   openapi
    services  health      server      media
    state     delivery
    edge
    observing             routes, responses, unknown_paths

``edge``, ``observing``, ``answers`` and ``dashboard`` are rooms with a theory in their docstrings.
:mod:`~grokcore.web.app` puts the routes together, :mod:`~grokcore.web.server` runs Hypercorn.
"""
