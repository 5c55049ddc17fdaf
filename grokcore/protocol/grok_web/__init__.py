"""The wire of grok.com's web chat: payload and prompt, stream, refusals, rate limits, assets.

Only this package knows it. It gives and takes the words of :mod:`grokcore.protocol.conversation`.
"""
