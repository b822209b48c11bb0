"""sync_file, fences as file descriptors, and sw_sync, timelines to test them with."""

from soc.dmabuf.sync.sw_sync_file import sync_debugfs_init
from soc.dmabuf.sync.sync_file import SyncFile, sync_file_create, sync_file_get_fence

__all__ = ["SyncFile", "sync_debugfs_init", "sync_file_create", "sync_file_get_fence"]
