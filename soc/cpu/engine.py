"""One Unicorn AArch64 instance, set up the way a system model needs it.

Everything the rest of the package asks of the engine goes through here: calls
of the C library without the binding's layers, and the settings without which
EL1 is not AArch64 or memory is slow. What the fast ways reach into is in `wheel`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from unicorn import arm64_const as arm64
from unicorn import unicorn_const as const
from unicorn.unicorn_py3 import Uc
from unicorn.unicorn_py3 import unicorn as binding
from unicorn.unicorn_py3.arch.arm64 import UcRegCP64

from soc.address import PAGE_SIZE
from soc.registers import SystemRegister

library: Any = binding.uclib

ReadCallback = Callable[[int, int, int, int], int]
WriteCallback = Callable[[int, int, int, int, int], None]

MMIO_READ: Any = binding.MMIO_READ_CFUNC
MMIO_WRITE: Any = binding.MMIO_WRITE_CFUNC
ON_INTERRUPT: Any = binding.HOOK_INTR_CFUNC
ON_BLOCK: Any = binding.HOOK_CODE_CFUNC
ON_UNMAPPED: Any = binding.HOOK_MEM_INVALID_CFUNC
ON_SYSTEM: Any = ctypes.CFUNCTYPE(
    ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(UcRegCP64), ctypes.c_void_p
)

SUPERVISOR_CALL, PREFETCH_ABORT, DATA_ABORT = 2, 3, 4
HYPERVISOR_CALL, SECURE_MONITOR_CALL = 11, 13
"""The engine's exception numbers as an interrupt hook gets them."""

MOST_REGIONS = 1024
"""Pieces of memory the engine is trusted with. It numbers them modulo 4096, and each takes a few numbers."""

SCR_EL3 = (3, 6, 1, 1, 0)
SCR_NS, SCR_HCE, SCR_RW = 1 << 0, 1 << 8, 1 << 10
HCR_EL2 = (3, 4, 1, 1, 0)
HCR_IMO, HCR_VI, HCR_RW = 1 << 4, 1 << 7, 1 << 31
SPSR_EL1 = (3, 0, 4, 0, 0)
TPIDR_EL0 = (3, 3, 13, 0, 2)

PSTATE_RESET = {1: 0x3C5, 2: 0x3C9, 3: 0x3CD}
"""By exception level: its own stack pointer; D, A, I and F masked."""


class TooManyRegions(ValueError):
    """A window at `base` of `size` bytes would be one too many beside `regions` pieces of memory."""

    def __init__(self, base: int, size: int, regions: int) -> None:
        super().__init__(
            f"no room for a window of {size:#x} bytes at {base:#x}: the engine has {regions} pieces "
            f"of memory, and at most {MOST_REGIONS} are safe"
        )
        self.base = base
        self.size = size
        self.regions = regions


class Engine:
    """A Unicorn core with nothing mapped, at exception level `level` (1, 2 or 3) with the MMU off.

    What the levels above would have set up is there: EL1 is non-secure AArch64.
    """

    def __init__(self, level: int = 1) -> None:
        uc: Any = Uc(const.UC_ARCH_ARM64, const.UC_MODE_ARM)
        uc.ctl_set_page_size(PAGE_SIZE)
        uc.ctl_exits_enabled(True)
        self.uc = uc
        self.handle: int = uc._uch.value
        self.flushes = 0
        self._keep: list[object] = []
        self._word = ctypes.c_uint64()
        self._word_ref = ctypes.byref(self._word)
        self.write_system(SCR_EL3, SCR_RW | SCR_HCE | SCR_NS if level < 3 else 0)
        self.write_system(HCR_EL2, HCR_RW if level < 2 else 0)
        self.write(arm64.UC_ARM64_REG_PSTATE, PSTATE_RESET[level])
        self.refresh_flags()
        self._pristine = uc.context_save()

    # --- registers ---------------------------------------------------------

    def read(self, register: int) -> int:
        """A 64-bit register by its UC_ARM64_REG_ number."""
        library.uc_reg_read(self.handle, register, self._word_ref)
        return self._word.value

    def write(self, register: int, value: int) -> None:
        library.uc_reg_write(self.handle, register, ctypes.byref(ctypes.c_uint64(value)))

    def read_system(self, register: SystemRegister) -> int:
        """A system register by (op0, op1, CRn, CRm, op2)."""
        return int(self.uc.cpr_read(*register))

    def write_system(self, register: SystemRegister, value: int) -> None:
        self.uc.cpr_write(*register, value)

    @property
    def pc(self) -> int:
        return self.read(arm64.UC_ARM64_REG_PC)

    def x(self, number: int) -> int:
        """General register x0 .. x30."""
        return self.read(general(number))

    def set_x(self, number: int, value: int) -> None:
        self.write(general(number), value)

    def exception_level(self) -> int:
        return self.read(arm64.UC_ARM64_REG_PSTATE) >> 2 & 3

    def refresh_flags(self) -> None:
        """Make the engine notice a PSTATE written from outside: any system register write does."""
        self.write_system(TPIDR_EL0, self.read_system(TPIDR_EL0))

    def power_on_state(self) -> None:
        """Every register as after construction; translations forgotten."""
        self.uc.context_restore(self._pristine)
        self.refresh_flags()
        self.flush_tlb()
        self.flush_code()

    # --- execution ---------------------------------------------------------

    def start(self, pc: int) -> int:
        """Run from `pc` until something stops it. The engine's error number, 0 for none."""
        return int(library.uc_emu_start(self.handle, pc, 0, 0, 0))

    def stop(self) -> None:
        """Leave `start`. Exact in an interrupt hook and in a block hook only."""
        library.uc_emu_stop(self.handle)

    def flush_code(self) -> None:
        """Drop all translated code; host addresses of it may come to mean other code."""
        self.flushes += 1
        self.uc.ctl_flush_tb()

    def forget_code(self, address: int, size: int) -> None:
        """Drop translated code of virtual [address, address + size), which must be executable.

        A fetch fault here would stay behind and be taken as the guest's own at the next stop.
        """
        self.uc.ctl_remove_cache(address, address + size)

    def translate(self, address: int, execute: bool = False) -> int | None:
        """Physical address of a virtual one for a load at the present level; None where it would fault.

        With `execute`, for an instruction fetch.
        """
        physical = ctypes.c_uint64()
        status = library.uc_vmem_translate(
            ctypes.c_void_p(self.handle),
            ctypes.c_uint64(address),
            const.UC_PROT_EXEC if execute else const.UC_PROT_READ,
            ctypes.byref(physical),
        )
        return physical.value if status == const.UC_ERR_OK else None

    def flush_tlb(self) -> None:
        self.uc.ctl(const.UC_CTL_TLB_FLUSH, const.UC_CTL_IO_WRITE)

    # --- memory and hooks --------------------------------------------------

    def map_memory(self, base: int, size: int, pointer: int) -> None:
        self.uc.mem_map_ptr(base, size, const.UC_PROT_ALL, pointer)

    def map_rom(self, base: int, size: int, pointer: int) -> None:
        """Memory that is read and executed; a write to it stops the engine with UC_ERR_WRITE_PROT."""
        self.uc.mem_map_ptr(base, size, const.UC_PROT_READ | const.UC_PROT_EXEC, pointer)

    def map_mmio(self, base: int, size: int, read: ReadCallback, write: WriteCallback) -> object:
        """Map a window of callbacks. What is returned must live as long as the window.

        TooManyRegions before the engine would answer from another window.
        """
        self.check_room(base, size)
        callbacks = (MMIO_READ(read), MMIO_WRITE(write))
        pointers = [ctypes.cast(callback, ctypes.c_void_p) for callback in callbacks]
        self._check(library.uc_mmio_map(self.handle, base, size, pointers[0], None, pointers[1], None))
        return callbacks

    def check_room(self, base: int, size: int) -> None:
        """TooManyRegions if a window at `base` would be one too many."""
        if (regions := self.regions()) >= MOST_REGIONS:
            raise TooManyRegions(base, size, regions)

    def regions(self) -> int:
        """How many pieces of RAM and windows are mapped."""
        return sum(1 for _ in self.uc.mem_regions())

    def unmap(self, base: int, size: int) -> None:
        self.uc.mem_unmap(base, size)

    def hook(
        self, kind: int, callback: Any, begin: int = 1, end: int = 0, data: int = 0, *extra: Any
    ) -> None:
        """Install a C callback for the life of the engine; begin > end means everywhere."""
        handle = ctypes.c_size_t()
        pointer = ctypes.cast(callback, ctypes.c_void_p)
        bounds = (ctypes.c_uint64(begin), ctypes.c_uint64(end))
        self._keep.append(callback)
        self._check(
            library.uc_hook_add(self.handle, ctypes.byref(handle), kind, pointer, data, *bounds, *extra)
        )

    @staticmethod
    def _check(status: int) -> None:
        if status != const.UC_ERR_OK:
            raise binding.UcError(status)


def general(number: int) -> int:
    """The UC_ARM64_REG_ number of x0 .. x30, which are not numbered in one run."""
    return int(getattr(arm64, f"UC_ARM64_REG_X{number}"))
