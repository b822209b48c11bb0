"""The lifetime thread of 2012: a GEM object, exported by PRIME, imported by vb2."""
