"""The transport: libcurl's *multi* interface, driven by one worker thread.

This is the only package that imports curl_cffi.

* :mod:`~grokcore.runtime.transport.curl.library`: the demands on it, and the browsers it can show.
* :mod:`~grokcore.runtime.transport.curl.handle`: one request in the hands of libcurl;
  :mod:`~grokcore.runtime.transport.curl.outcome`: its end.
* :mod:`~grokcore.runtime.transport.curl.exchange`: one request as trio sees it, and its callbacks.
* :mod:`~grokcore.runtime.transport.curl.loop`: all of them, in the worker thread.
* :mod:`~grokcore.runtime.transport.curl.transfers`: the transport, which keeps a loop running.

Theory
------
One thread runs the loop ``perform`` → collect → ``poll``; all transfers live in it, so a hundred
streams cost one thread and share connections. The trio side talks to it through a queue of commands
and ``curl_multi_wakeup``, the only multi function that may be called from another thread. The loop
talks back by appending to a queue of news and asking trio to read it (``run_sync_soon``), unless it
has been asked already. Everything that has arrived until trio gets to it is handed over at once:
the busier the server is, the larger are its batches.

::

    trio thread                                   worker thread
    -----------                                   -------------
    open()     -- start --------------------->    add_handle
    read()     <- head, data, end (batched) --    callbacks
               -- resume (after back-pressure) ->    easy_pause
    aclose()   -- abort --------------------->    remove_handle, handle kept for reuse
               <- end -------------------------

Rules
-----
1. A libcurl handle is touched by the worker thread only, from creation to cleanup.
2. An exchange's buffer holds at most about ``BUFFER_BYTES``, decoded: above that the transfer
   pauses, and TCP's own window holds upstream back. A compressed response may exceed that by the
   decoded size of 4 kB, and no further. Over HTTP/2 the browser's window of 6 MB may come all the
   same; the part that waits for a slow reader is then kept compressed. When a reader that lagged
   has gone, freed memory is returned to the system. ``_received`` is written by the worker only and
   ``_taken`` by trio only, so neither needs a lock.
3. curl's own timeouts are a net under trio's clocks: they are set well above them.
4. Names of curl_cffi that are private are listed in ``PRIVATE_NAMES`` and checked at the start.
5. A fault of one exchange fails this exchange alone
   (:mod:`~grokcore.runtime.transport.curl.loop` says how). Should the loop end all the same, its
   exchanges fail and another loop begins; if loops keep ending, the server ends.
6. ``open`` sends one request at most: libcurl, which would repeat it when a kept connection dies,
   has to ask first.
7. A request that is not impersonated has a handle and a connection of its own, which are thrown
   away afterwards.
"""

from .exchange import CurlExchange
from .library import CurlSettings, browser_shown, browsers_known, check_library
from .outcome import CurlFailure
from .transfers import CurlTransport

__all__ = [
    "CurlExchange",
    "CurlFailure",
    "CurlSettings",
    "CurlTransport",
    "browser_shown",
    "browsers_known",
    "check_library",
]
