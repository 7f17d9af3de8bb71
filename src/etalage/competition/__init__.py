"""A competition: a hidden truth, submissions of teams, a leaderboard.

Nothing of the web is here; ``etalage.serve.judge`` brings it to the network.
"""
