"""The leaderboard: submissions, their checks, the board made of them, and its page."""
