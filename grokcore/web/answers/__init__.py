"""Routes that ask Grok, and the way from a request to its answer.

:mod:`~grokcore.web.answers.answering` is the one handler. A route adds to it its dialect and the
parts that do I/O: choosing the model, loading attachments, delivering media. Limits are checked
before anything is fetched. An answer is collected, or streamed by
:class:`~grokcore.web.answers.event_stream.EventStream`, which meets all obligations of the
completion's caller. No other room depends on this one; only the app does.
"""
