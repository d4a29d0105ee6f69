"""The taker interface of the venue: API keys with signed requests, locks, fills, cancellation requests, and the takers' queries."""
