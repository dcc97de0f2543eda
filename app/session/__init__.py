"""What this visitor has given, and what all visitors share; the pages ask here and nowhere else.

state     all of one visitor, in the session's memory alone, until "Forget me" or the tab ends
shared    the models and the bundled voices, read once for all visitors; nothing personal
clips     clips coming in: enrollment clips and the query
models    the personal model of the clips that are on, and what the Posterior page shows of it
answers   both models' answers to the query, the controls, and the tally
lesson    the lecture: where it is, and the numbers of each step
address   what an address opens
"""
