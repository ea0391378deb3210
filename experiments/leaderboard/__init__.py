"""The leaderboard: what a submission is, how it is played, and the page that is made of all of them."""
