"""Alerts on their way to the owner. None of these modules is imported without a target.

* :mod:`~grokcore.runtime.alerts.watch`: the look at the server's condition every some seconds.
* :mod:`~grokcore.runtime.alerts.sender`: a queue and retries for each target.
* :mod:`~grokcore.runtime.alerts.web_target` and :mod:`~grokcore.runtime.alerts.email_target`: the
  targets; :mod:`~grokcore.runtime.alerts.target` is their seam.
"""
