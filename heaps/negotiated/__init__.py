"""The negotiated heap: memory is chosen when it is first used, for all devices that are attached by then.

    sources.py   where memory is taken from for what the devices need
    backing.py   the memory a buffer has, for as long as anybody uses it
    buffer.py    the exporter
    move.py      from one memory to another while devices and programs have the buffer
    dma_heap.py  /dev/dma_heap/negotiated

Source: Documentation/driver-api/dma-buf.rst and the patches of 2011, for what an exporter may do.
"""
