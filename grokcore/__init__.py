"""grok2api: your own Grok web sessions as an OpenAI-compatible API.

A map, from the pure middle outwards; imports run to the left and never back (``tests/test_layers.py``)::

    errors  <-  protocol  <-  config  <-  runtime  <-  web  <-  cli
                                                simulator  <-  cli

* :mod:`grokcore.errors`: everything that can go wrong, with whose fault it is and what the client sees.
* :mod:`grokcore.protocol`: Grok's wire format and OpenAI's, the token book, the clocks; no I/O.
* :mod:`grokcore.config`: what can be set.
* :mod:`grokcore.runtime`: trio: the transport (libcurl in a worker thread), the token pool, one completion end to end.
* :mod:`grokcore.web`: Quart-Trio routes on Hypercorn.
* :mod:`grokcore.simulator`: a simulated Grok on loopback, a program of its own.
* :mod:`grokcore.cli`: commands; the only place that knows all of it.

Nothing happens at import.
"""

__version__ = "0.1.0"
