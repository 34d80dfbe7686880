"""Measure the speed of a part of the system on this machine."""
