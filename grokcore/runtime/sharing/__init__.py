"""The I/O of a shared pool (:mod:`grokcore.protocol.sharing` has its rules).

* :mod:`.table_seam` is what a server needs of a table.
* :mod:`.sharer` makes the steps of one server.
* :mod:`.shared_ledger` counts the money of a paid lane for all servers.
* :mod:`.socket_table` is a table in the parent process of several workers.
* :mod:`.redis_table` is a table in a Redis, reached by :mod:`.redis_link`; :mod:`.redis_opening`
  looks at the Redis before a server starts.
"""
