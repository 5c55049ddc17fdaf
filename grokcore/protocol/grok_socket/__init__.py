"""The page's own chat over a websocket: frames in both directions, handshake, decoder, refusals
(grok-protocol.md §8).
"""
