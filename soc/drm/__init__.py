"""DRM, as far as it shares buffers: GEM objects, handles, PRIME.

    program                          kernel
    open /dev/dri/card0              a client (file.py) with handles of its own, numbers from 1
    MODE_CREATE_DUMB                 a GEM object (gem.py) and a handle of it (handles.py)
    PRIME_HANDLE_TO_FD               its one dma-buf (prime.py, export.py)
    PRIME_FD_TO_HANDLE               the object behind a dma-buf: this device's own, or a new one
                                     that is attached and mapped until its end (import_.py)
    GEM_CLOSE                        the end of the handle, for everybody who knows its number

A driver's memory is `gem_dma_helper.py` (one run of addresses) or `gem_shmem_helper.py` (pages).
Source: drivers/gpu/drm/drm_gem.c, drm_prime.c (6.12).

Not modelled: mode setting, authentication, render nodes, global names (flink), mmap of handles.
"""
