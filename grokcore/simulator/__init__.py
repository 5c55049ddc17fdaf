"""A simulated Grok on loopback: for ``--demo``, the tests and the benchmark.

A program of its own that shares no code with the gateway, so that a mistake in one is not mirrored
by the other. Its responses follow the recorded shapes (grok-protocol.md §3, §4): keys in the
recorded order, ``<>&`` escaped, both envelopes.

* :mod:`~grokcore.simulator.lines`: single stream lines.
* :mod:`~grokcore.simulator.scripts`: whole answers as a list of steps, with every nastiness of §7.
* :mod:`~grokcore.simulator.app`: the ASGI app that plays scripts, checks requests and records them.
* :mod:`~grokcore.simulator.agent`: the model's answers to questions with a client's functions.
* :mod:`~grokcore.simulator.serve`: serving it.
* :mod:`~grokcore.simulator.official`: xAI's API and the proxy of xAI's CLI, simulated.
"""
