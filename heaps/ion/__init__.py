"""ION: Android's allocator of shared buffers, as of Linux 4.9, with the ABI of 4.12 as a switch.

    program                        kernel code
    open /dev/ion                  ion_client_create            a client
    ION_IOC_ALLOC                  ion_alloc                    a handle of a new buffer
    ION_IOC_SHARE, _MAP            ion_share_dma_buf(_fd)       a dma-buf of it
    ION_IOC_IMPORT                 ion_import_dma_buf(_fd)      a handle of a dma-buf's buffer
    ION_IOC_SYNC                   ion_sync_for_device          cache maintenance
                                   ion_map_kernel, ion_phys     the CPU's and the device's way in
    ION_IOC_FREE                   ion_free                     the handle's end
    close                          ion_client_destroy           the end of all handles

The platform's side is in `device.py` (the device and its heaps), `create.py` (heaps by type),
`platform.py` (heaps from the device tree) and the drivers `vexpress.py`, `hi6220.py`, `dummy.py`.
Source: drivers/staging/android/ion (4.9).
"""
