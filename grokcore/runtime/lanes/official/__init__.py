<<<<<<< HEAD
"""The official lanes: xAI's Responses API, with a key or with the session of xAI's own CLI."""
=======
"""The official lanes: xAI's own API, asked with a key of it or with the session of xAI's CLI."""
>>>>>>> of-credentials
