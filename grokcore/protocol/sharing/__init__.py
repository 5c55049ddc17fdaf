"""Sharing of one pool by several servers: every token is owned by one server at a time.

Theory
------
A *table*, which all servers can reach, says who owns which token and until when. The server's book
stays synchronous and never waits for the table: a server lends only tokens that it owns, and stops
before its ownership ends. In regular *steps* a server renews what it owns, gives back what it does
not need, and takes what nobody owns.

* :mod:`.steps` has the two messages of a step.
* :mod:`.table` is the table itself, in memory: its rules, for all kinds of tables.
* :mod:`.ownership` decides, for one server, what to keep, to give back and to ask for.
* :mod:`.redis_address`, :mod:`.redis_identity` and :mod:`.portions` are for a table in a Redis:
  where it is, which one it is, and how a large step is made there.
* :mod:`.knowledge` reports the states of tokens to the other servers, and hears theirs.
* :mod:`.ledger` counts the money of a paid lane for all servers together.
"""
