"""AF_UNIX sockets: how processes hand each other bytes and open files."""
