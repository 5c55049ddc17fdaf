"""grok2api: your own Grok web sessions as an OpenAI- and Anthropic-compatible API.

A map, from the pure middle outwards. Imports run to the left and never back
(``tests/test_layers.py``)::

    errors  <-  protocol  <-  config   <-  web  <-  cli
                protocol  <-  runtime  <-  web
    outlet  <-  logs  <-  cli              simulator  <-  cli

* :mod:`grokcore.errors`: every failure, with whose fault it is and its status.
* :mod:`grokcore.protocol`: no I/O. Rooms: ``conversation`` (questions and events), ``dialects``
  (clients' JSON), ``grok_web`` (Grok's wire), ``pool`` (the token book), ``token_file``,
  ``recording``, ``urls``; clocks and other values on the ground floor.
* :mod:`grokcore.config`: settings. It stands beside the runtime, which is given values and reads no
  settings.
* :mod:`grokcore.runtime`: trio. Rooms: ``completion`` (one answer end to end), ``lanes`` (ways to
  ask Grok), ``transport`` (libcurl in a worker thread), ``pool`` (the queue), ``disk``,
  ``attachments``.
* :mod:`grokcore.web`: Quart-Trio routes on Hypercorn. Rooms: ``edge`` (from a socket to a request),
  ``answers`` (routes that ask Grok), ``observing`` (records and figures), ``dashboard`` (the status
  page).
* :mod:`grokcore.simulator`: a simulated Grok on loopback, a program of its own.
* :mod:`grokcore.logs`, :mod:`grokcore.outlet`: the log, and the thread that writes it.
* :mod:`grokcore.cli`: commands; the only place that knows all of it.

docs/developers/architecture.md has the whole page.

Nothing happens at import.
"""

__version__ = "0.1.0"
