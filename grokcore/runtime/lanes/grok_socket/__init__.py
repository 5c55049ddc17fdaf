"""The page's own chat as a lane: a websocket for each answer.

Prompt, uploads and media are those of :mod:`grokcore.runtime.lanes.grok_web`: it is the same site.
"""
