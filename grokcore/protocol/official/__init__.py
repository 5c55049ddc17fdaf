"""The wire of xAI's official lanes: requests to the Responses API, its streams, refusals, models.

Only this package knows it. It gives and takes the words of :mod:`grokcore.protocol.conversation`.
"""
