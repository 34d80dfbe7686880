"""Blind listening tests: a page to give to listeners, and what their answers say together.

No ready framework is used: webMUSHRA and the Web Audio Evaluation Tool need a server to load audio and to keep
answers, and show the names of audio files.  A folder that is opened from a disk needs neither network nor installation.
"""
