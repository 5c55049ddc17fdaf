"""The HTTP edge: Quart-Trio routes, served by Hypercorn, with the repairs both need."""
