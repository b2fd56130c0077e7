"""The mechanisms that cards name by a key."""
