"""Dual user adaptation [DUA]: a server that learns task after task and merges what it learned, for
everybody or for one user; and what a user's own device then makes of the model.
"""
