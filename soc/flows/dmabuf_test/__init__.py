"""The test driver of the ION introduction, /dev/dmabuf-test: a buffer to user space and one from there."""
