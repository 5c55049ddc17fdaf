"""Tests of the web layer, mostly over real sockets."""
