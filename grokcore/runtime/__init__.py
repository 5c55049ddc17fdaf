"""The trio shell: waits, threads and connections. It decides nothing that :mod:`grokcore.protocol`
can decide.
"""
