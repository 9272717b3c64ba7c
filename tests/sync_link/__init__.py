"""Tests of the shells of `sync`: sockets, threads, pages."""
