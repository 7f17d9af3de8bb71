"""The answers: the top-k table, submissions, scores, calibration. Nothing here knows images."""
