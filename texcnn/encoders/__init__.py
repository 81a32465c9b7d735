"""Tokens in, one vector per segment out: one file per encoder, one protocol, one registry."""
