"""A competition over HTTP: the leaderboard as a page, submissions by an interface of a few paths.

The paths, their answers and the shape of errors are in docs/judge.md.
"""
