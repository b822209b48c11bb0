"""Two programs of the ION introduction: one sends the fd of a buffer to the other over a UNIX socket."""
