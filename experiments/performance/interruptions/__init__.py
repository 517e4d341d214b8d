"""The interruption campaign: tiny training runs that are killed, stopped, starved and robbed of their folder."""
