"""The payload store and the job table that make a received instance durable."""
