"""Measures rouser against floors and peers on the same machine, in the same run."""
