"""The I/O of a shared pool (:mod:`grokcore.protocol.sharing` has its rules).

* :mod:`.table_seam` is what a server needs of a table.
* :mod:`.sharer` makes the steps of one server.
* :mod:`.socket_table` is a table in the parent process of several workers.
"""
