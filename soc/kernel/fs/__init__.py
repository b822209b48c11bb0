"""Files with a ledger, tables of descriptors, and the files of debugfs, procfs and sysfs."""
