"""LangChain's own integration tests, run against a whole server in a pytest of their own."""
