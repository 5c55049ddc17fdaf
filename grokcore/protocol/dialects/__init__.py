"""The clients' APIs, a package each: bodies in, questions out; events in, bodies and streams out.

A dialect knows nothing of any lane, and no lane of a dialect. What several dialects share lies
here.
"""
