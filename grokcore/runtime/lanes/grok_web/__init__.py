"""The lane of grok.com's REST API: uploads, small calls, pictures, and polls of allowances."""
