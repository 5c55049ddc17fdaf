"""The pure half: Grok's protocol and OpenAI's, with no I/O, no clock, no randomness and no logging.

Times, ids and settings come in as arguments; events, bytes and errors of :mod:`grokcore.errors`
come out. Nothing here imports trio, a socket or a file, and a test keeps it so.
"""
