"""Videos, as OpenAI's and as xAI's clients ask for them."""
