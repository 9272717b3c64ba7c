"""Copies of the database on a second medium, proved every night; and the way back from one."""
