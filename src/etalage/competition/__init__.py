"""A competition: hidden truth, submissions, a leaderboard."""
