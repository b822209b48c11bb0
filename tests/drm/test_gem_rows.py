"""GEM objects and handles: SEMANTICS.md 7.1, row by row."""

from __future__ import annotations

from errno import EFAULT, EINVAL, ENOENT, ENOMEM, ENOSYS

import pytest

from soc.drm.device import (
    DrmDevice,
    DrmDriver,
    drm_dev_get,
    drm_dev_put,
    drm_dev_register,
    drm_dev_unregister,
)
from soc.drm.file import drm_open
from soc.drm.gem import (
    CREATOR,
    HANDLES,
    DrmGemObject,
    DrmGemObjectFuncs,
    drm_gem_object_get,
    drm_gem_object_handle_put_unlocked,
    drm_gem_object_put,
)
from soc.drm.gem_dma_helper import dma_addr_of, drm_gem_dma_create
from soc.drm.handles import drm_gem_handle_create, drm_gem_object_lookup
from soc.kernel.errors import KernelError
from soc.kernel.fs.file import UseAfterFree
from soc.kernel.uapi import drm as uapi
from tests.drm.bench import CardBench

# --- references -------------------------------------------------------------------


def test_all_handles_together_are_one_reference(bench: CardBench) -> None:
    card = bench.open()
    obj = drm_gem_dma_create(bench.card0, 100)
    assert (obj.size, obj.refcount, obj.handle_count, obj.held_by()) == (4096, 1, 0, "creator")
    first, second = (drm_gem_handle_create(bench.client(card), obj) for _ in range(2))
    assert (first, second, obj.handle_count) == (1, 2, 2)
    drm_gem_object_put(obj, CREATOR)
    assert (obj.refcount, obj.held_by()) == (1, HANDLES)
    bench.gem_close(card, first)
    assert (obj.refcount, obj.handle_count) == (1, 1)
    bench.gem_close(card, second)
    assert (obj.refcount, bench.card0.objects) == (0, [])
    bench.app.close(card)
    assert bench.counts() == bench.baseline


def test_a_put_of_what_somebody_does_not_have_is_named_and_changes_nothing(bench: CardBench) -> None:
    obj = drm_gem_dma_create(bench.card0, 4096)
    drm_gem_object_get(obj, "scanout")
    drm_gem_object_get(obj, "scanout")
    drm_gem_object_put(obj, "vb2")
    assert bench.warned() == [
        "drm_gem_object_put: gem object 1 of card0: put by vb2, which has no reference; "
        "held by creator, scanout (2 times)"
    ]
    for holder in ("scanout", "scanout", CREATOR):
        drm_gem_object_put(obj, holder)
    for call, function in (("get", drm_gem_object_get), ("put", drm_gem_object_put)):
        with pytest.raises(UseAfterFree):
            function(obj, "vb2")
        told = f"drm_gem_object_{call}: gem object 1 of card0 used after its release"
        assert bench.warned() == [told]
    assert obj.held_by() == "nobody"


def test_a_handle_that_there_is_not_cannot_be_dropped(bench: CardBench) -> None:
    obj = drm_gem_dma_create(bench.card0, 4096)
    drm_gem_object_handle_put_unlocked(obj)
    assert bench.warned() == ["drm_gem_object_handle_put_unlocked: gem object 1 of card0 has no handle"]
    drm_gem_object_put(obj, CREATOR)


def test_an_object_that_ends_while_it_refers_to_a_dma_buf_is_named(bench: CardBench) -> None:
    card = bench.open()
    dmabuf = bench.dmabuf(bench.to_fd(card, bench.dumb(card)))
    obj = DrmGemObject(bench.card0, 4096, DrmGemObjectFuncs(lambda obj: None))
    obj.dma_buf = dmabuf
    drm_gem_object_put(obj, CREATOR)
    assert bench.warned() == [f"drm_gem_object_release: gem object 2 of card0 still refers to {dmabuf}"]


@pytest.mark.parametrize("size", [0, -4096, 100, 4097])
def test_an_object_has_whole_pages(bench: CardBench, size: int) -> None:
    with pytest.raises(ValueError, match=f"a GEM object of card0 has whole pages, not {size} bytes"):
        DrmGemObject(bench.card0, size, DrmGemObjectFuncs(lambda obj: None))


# --- handles ------------------------------------------------------------------------


def test_handles_are_per_client_and_start_at_1(bench: CardBench) -> None:
    first, second = bench.open(), bench.open()
    assert [bench.dumb(first), bench.dumb(first), bench.dumb(second)] == [1, 2, 1]
    assert str(bench.client(second)) == "client 2 of card0"


def test_the_lowest_free_number_is_given_again(bench: CardBench) -> None:
    card = bench.open()
    assert [bench.dumb(card) for _ in range(4)] == [1, 2, 3, 4]
    for number in (3, 1):
        bench.gem_close(card, number)
    assert [bench.dumb(card) for _ in range(3)] == [1, 3, 5]


@pytest.mark.parametrize(
    ("cmd", "args"),
    [
        pytest.param(uapi.DRM_IOCTL_GEM_CLOSE, uapi.DrmGemClose(handle=7), id="GEM_CLOSE"),
        pytest.param(uapi.DRM_IOCTL_MODE_DESTROY_DUMB, uapi.DrmModeDestroyDumb(handle=7), id="DESTROY_DUMB"),
    ],
)
def test_closing_an_unknown_handle_is_einval(
    bench: CardBench, cmd: int, args: uapi.DrmGemClose | uapi.DrmModeDestroyDumb
) -> None:
    card = bench.open()
    with pytest.raises(KernelError) as caught:
        bench.app.ioctl(card, cmd, args)
    assert (caught.value.errno, caught.value.why) == (EINVAL, "client 1 of card0 has no handle 7")


def test_looking_an_unknown_handle_up_is_enoent(bench: CardBench) -> None:
    with pytest.raises(KernelError) as caught:
        drm_gem_object_lookup(bench.client(bench.open()), 7, "test")
    assert (caught.value.errno, caught.value.why) == (ENOENT, "client 1 of card0 has no handle 7")


def test_closing_the_card_drops_all_handles(bench: CardBench) -> None:
    card = bench.open()
    for _ in range(3):
        bench.dumb(card)
    assert len(bench.card0.objects) == 3
    bench.app.close(card)
    assert bench.counts() == bench.baseline


# --- dumb buffers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "bpp", "pitch", "size"),
    [(1, 1, 1, 64, 4096), (17, 3, 32, 128, 4096), (640, 480, 16, 1280, 614400), (100, 100, 24, 320, 32768)],
)
def test_pitch_and_size_of_a_dumb_buffer(
    bench: CardBench, width: int, height: int, bpp: int, pitch: int, size: int
) -> None:
    args = uapi.DrmModeCreateDumb(width=width, height=height, bpp=bpp)
    bench.app.ioctl(bench.open(), uapi.DRM_IOCTL_MODE_CREATE_DUMB, args)
    assert (args.handle, args.pitch, args.size) == (1, pitch, size)
    [obj] = bench.card0.objects
    assert (obj.size, obj.held_by()) == (size, HANDLES)
    assert dma_addr_of(obj) % 4096 == 0


@pytest.mark.parametrize(
    ("width", "height", "bpp"),
    [(0, 1, 32), (1, 0, 32), (1, 1, 0), (0x8000, 0x8000, 32), (0xFFFFFFFF, 1, 16)],
    ids=["width", "height", "bpp", "size", "pitch"],
)
def test_a_dumb_buffer_of_nothing_or_too_much_is_einval(
    bench: CardBench, width: int, height: int, bpp: int
) -> None:
    args = uapi.DrmModeCreateDumb(width=width, height=height, bpp=bpp)
    with pytest.raises(KernelError) as caught:
        bench.app.ioctl(bench.open(), uapi.DRM_IOCTL_MODE_CREATE_DUMB, args)
    assert caught.value.errno == EINVAL


def test_a_dumb_buffer_for_which_there_is_no_memory_is_enomem(bench: CardBench) -> None:
    args = uapi.DrmModeCreateDumb(width=4096, height=4096, bpp=32)
    with pytest.raises(KernelError) as caught:
        bench.app.ioctl(bench.open(), uapi.DRM_IOCTL_MODE_CREATE_DUMB, args)
    assert caught.value.errno == ENOMEM
    assert "card0: failed to allocate buffer with size 67108864" in [e.text for e in bench.kernel.log.entries]


def test_a_driver_without_dumb_buffers_is_enosys(bench: CardBench) -> None:
    plain = DrmDevice(bench.camera, DrmDriver("plain"), "card2")
    drm_dev_register(plain, drm_open)
    card = bench.app.open("/dev/dri/card2")
    cap = uapi.DrmGetCap(capability=uapi.DRM_CAP_DUMB_BUFFER)
    bench.app.ioctl(card, uapi.DRM_IOCTL_GET_CAP, cap)
    assert cap.value == 0
    with pytest.raises(KernelError) as caught:
        bench.dumb(card)
    assert caught.value.errno == ENOSYS
    drm_dev_unregister(plain)
    with pytest.raises(KernelError) as caught:
        bench.app.open("/dev/dri/card2")
    assert (caught.value.errno, plain.kref) == (ENOENT, 1)
    bench.app.close(card)
    assert plain.kref == 0
    for call in (drm_dev_get, drm_dev_put):
        with pytest.raises(UseAfterFree):
            call(plain)
        assert bench.warned() == [f"{call.__name__}: card2 used after its release"]


def test_a_device_that_ends_before_its_objects_names_them(bench: CardBench) -> None:
    plain = DrmDevice(bench.camera, DrmDriver("plain"), "card2")
    DrmGemObject(plain, 4096, DrmGemObjectFuncs(lambda obj: None))
    drm_dev_put(plain)
    assert bench.warned() == ["drm_dev_release: gem object 1 of card2 is still there; held by creator"]


# --- ioctl --------------------------------------------------------------------------------


@pytest.mark.parametrize(("capability", "value"), [(uapi.DRM_CAP_PRIME, 3), (uapi.DRM_CAP_DUMB_BUFFER, 1)])
def test_capabilities(bench: CardBench, capability: int, value: int) -> None:
    cap = uapi.DrmGetCap(capability=capability)
    bench.app.ioctl(bench.open(), uapi.DRM_IOCTL_GET_CAP, cap)
    assert cap.value == value


def test_an_unknown_capability_or_ioctl_is_einval(bench: CardBench) -> None:
    card = bench.open()
    for cmd, arg in ((uapi.DRM_IOCTL_GET_CAP, uapi.DrmGetCap(capability=0x77)), (0xC00464FF, bytearray(4))):
        with pytest.raises(KernelError) as caught:
            bench.app.ioctl(card, cmd, arg)
        assert caught.value.errno == EINVAL


def test_a_bad_pointer_is_efault_and_an_argument_of_another_size_is_taken(bench: CardBench) -> None:
    card = bench.open()
    with pytest.raises(KernelError) as caught:
        bench.app.ioctl(card, uapi.DRM_IOCTL_MODE_CREATE_DUMB, 0xDEAD000)
    assert caught.value.errno == EFAULT
    longer = bytearray(bytes(uapi.DrmModeCreateDumb(width=8, height=8, bpp=32)) + b"tail")
    bench.app.ioctl(card, (uapi.DRM_IOCTL_MODE_CREATE_DUMB & ~(0x3FFF << 16)) | len(longer) << 16, longer)
    assert longer[16:20] == b"\1\0\0\0"
    assert longer[32:] == bytes(4)
    shorter = bytearray(b"\1\0\0\0")
    bench.app.ioctl(card, (uapi.DRM_IOCTL_GEM_CLOSE & ~(0x3FFF << 16)) | 4 << 16, shorter)
    assert bench.card0.objects == []


def test_the_card_is_what_its_link_says(bench: CardBench) -> None:
    assert bench.app.readlink(bench.open("card1")) == "/dev/dri/card1"
