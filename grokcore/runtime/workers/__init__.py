"""Workers: several processes on one port, watched by a parent that owns their table.

* :mod:`.peers` is how one worker asks the others.
"""
