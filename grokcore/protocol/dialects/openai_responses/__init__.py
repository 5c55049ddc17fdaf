"""OpenAI's Responses API, in the dialect that its clients share with Open Responses."""
