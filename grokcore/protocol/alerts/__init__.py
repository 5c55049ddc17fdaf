"""Alerts: notices of the server's states to its owner, who is not looking.

* :mod:`~grokcore.protocol.alerts.kinds`: the kinds of alerts, and how long a state has to last.
* :mod:`~grokcore.protocol.alerts.book`: the book that decides which alerts are due.
* :mod:`~grokcore.protocol.alerts.message`: an alert in words.
* :mod:`~grokcore.protocol.alerts.styles`, :mod:`~grokcore.protocol.alerts.webhooks`: the forms in
  which services take a webhook, and their refusals; :mod:`~grokcore.protocol.alerts.ntfy`: ntfy's.
* :mod:`~grokcore.protocol.alerts.smtp_url`: the address of a mail server.
"""
