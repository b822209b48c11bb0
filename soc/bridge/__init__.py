"""Buffers to and from other processes of the host, as real file descriptors over a UNIX socket.

    this process                           another host process (soc.bridge.client)
    BufferServer.publish("frame", dmabuf)
                                 <------- connect(path).get("frame")
    memfd of DRAM, runs of pages  ------> maps the very pages side by side
                                 <------- give("result", its own memfd)
    BufferServer.take("result")            its pages stand in DRAM, a dma-buf "host"

The server is single-threaded: it does something in `service()` and `serve()` only.
See docs/bridge.md for what a client must be trusted with.
"""
