"""The official lanes of the whole server, with clients in front and simulated services behind."""
