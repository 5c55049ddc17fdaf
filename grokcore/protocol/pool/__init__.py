"""The token book: the choice of a token, the effect of each outcome, and the reason why none is
free. It knows no wire.
"""
