"""Workers: several processes on one port, watched by a parent that owns their table.

* :mod:`.peers` is how one worker asks the others, as its server sees it.
* :mod:`.channel` passes questions and notices between the parent and a worker.
* :mod:`.hub` is what the parent answers: steps of the table, and questions to the other workers.
* :mod:`.worker_peers` asks through the parent.
"""
