"""Fits on disk: found by what went in, checked by what came out, fresh or computed anew."""
