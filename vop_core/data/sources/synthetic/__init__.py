"""Synthetic persons by espeak-ng, rooms and microphones: persons to train on, and talkers in the
background of environments.

They are synthetic, and every page and table calls them so. The talkers are never trained or tuned
on.
"""
