"""The API of xAI and the proxy of xAI's CLI, simulated on one port of the loopback interface.

``/api/v1/…`` is api.x.ai, ``/cli/v1/…`` is cli-chat-proxy.grok.com, and ``/assets/…`` holds the
media that the API links to. A message that holds ``simulate:NAME``, or a model that is called
``simulate-NAME``, brings a failure about.

* :mod:`~grokcore.simulator.official.answers`: answers as data, and manners to write them in.
* :mod:`~grokcore.simulator.official.events`: the events of an answer.
* :mod:`~grokcore.simulator.official.streams`: events on the wire.
* :mod:`~grokcore.simulator.official.plain`: the answer to a request without a script.
* :mod:`~grokcore.simulator.official.checks`: requests that are refused.
* :mod:`~grokcore.simulator.official.failures`: refusals, each by a name.
* :mod:`~grokcore.simulator.official.manners`: spoiled answers, each by a name.
* :mod:`~grokcore.simulator.official.catalogue`: models and prices.
* :mod:`~grokcore.simulator.official.gates`: keys, sessions and versions.
* :mod:`~grokcore.simulator.official.media`: files, pictures and videos.
* :mod:`~grokcore.simulator.official.app`: the ASGI app.
* :mod:`~grokcore.simulator.official.serve`: serving it.
"""
