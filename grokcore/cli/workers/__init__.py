"""``serve --workers N``: a parent that starts N servers on the same sockets, and watches them.

Theory
------
* The parent binds the sockets, and all workers inherit them. Each accepts when it has time. So a
  worker that hangs gets no connection, and a death loses none that nobody had accepted yet.
  (With a socket for each worker, SO_REUSEPORT, the system deals connections out blindly, and those
  that wait for a dead worker are lost; sockets from systemd, and local ones, can't be had so.)
* A worker is started by the same command as the parent, so that a script, a single file and a
  module all do; a variable of the environment gives it its place.
* Each worker has a process group of its own: Ctrl+C in a terminal, which goes to a whole group,
  reaches the parent alone, which passes it on by the channels. A service manager may
  signal all processes at once, so a worker takes a second signal for the first one's echo. Only the
  parent may hurry it.
* A worker whose channel ends has lost its parent, and stops as for SIGTERM.

* :mod:`.place` has the values that a worker takes over from its parent.
* :mod:`.link` is the worker's end of the channel.
* :mod:`.life` is a worker's process as the parent sees it.
* :mod:`.parent` starts and ends them all.
* :mod:`.reporting` sends systemd its messages.
"""
