"""The token book: which token answers, what each outcome teaches, and why none is free. No wire is
known here.
"""
