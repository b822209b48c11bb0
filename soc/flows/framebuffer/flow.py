"""framebuffer-as-asked and framebuffer: the question and the answer."""

from __future__ import annotations

from soc.flows.flow import Act, Finding, Flow
from soc.flows.framebuffer import play
from soc.kernel.generation import Generation

SOURCE = "ion-fb-driver-mail.txt"
BUFFER = "dma-buf 1 'ion'"
INSMOD, LAUNCHER = "fd 0 of insmod (pid 100)", "fd 1 of launcher (pid 101)"
PUT_UNUSED = "put_unused_fd after fd_install"
SLOT_LOST = "an fd whose number was given back is lost at exit"


def _not_own(call: str, holder: str) -> str:
    whose = f"the reference of {holder} is not kernel code's to give away"
    return f"{call}: {BUFFER}: {whose}; held by {holder}"


def _slot(owner: str, number: int) -> tuple[Finding, Finding]:
    """What the fd table says at the exit of a process that has such an fd, and what the ledger says."""
    name = f"fd {number} of {owner}"
    lost = f"transfer to {name}, overwritten and lost by {name}, which has no reference; held by nobody"
    return (
        Finding(SLOT_LOST, f"exit: slot {number} not NULL! {owner} loses its reference to {BUFFER}"),
        Finding("the fd's reference was dropped by others before", f"{BUFFER}: {lost}"),
    )


def _given_back(holder: str) -> str:
    return f"put_unused_fd: {holder} holds {BUFFER}; after fd_install only close() gives it back"


AS_ASKED = Flow(
    "framebuffer-as-asked",
    "an ION framebuffer for many programs, as the driver was first asked about: wrong",
    SOURCE,
    "A driver allocates a framebuffer from ION, keeps a dma-buf of it, and gives every program that opens it "
    "a handle. Two calls are not what it takes them for: put_unused_fd gives back a number that has no file, "
    "not one that has; and dma_buf_fd gives the caller's reference to the fd, it takes none.",
    (
        Act(
            "as-asked",
            "After init the one reference is the fd's, in the process that loaded the driver, and g_dma_buf "
            "has none. The first program's ioctl moves that reference to an fd of the program and then puts "
            "it: the global buffer is released. The second program meets freed memory, and so does exit.",
            Generation.V4_9,
            play.as_asked,
            (
                Finding(PUT_UNUSED, _given_back(INSMOD)),
                Finding("dma_buf_fd taken for a call that takes a reference", _not_own("dma_buf_fd", INSMOD)),
                Finding("a client's ioctl kills the global buffer", _not_own("dma_buf_put", LAUNCHER)),
                Finding(PUT_UNUSED, _given_back(LAUNCHER)),
                *_slot("launcher (pid 101)", 1),
                Finding(
                    "the next client uses the freed buffer", f"dma_buf_fd: {BUFFER} used after its release"
                ),
                Finding("exit puts the freed buffer", f"dma_buf_put: {BUFFER} used after its release"),
                *_slot("insmod (pid 100)", 0),
                Finding("the fd is never closed", f"launcher (pid 101) ends with fd 1 open: {BUFFER}"),
                Finding("the fd is never closed", f"insmod (pid 100) ends with fd 0 open: {BUFFER}"),
            ),
        ),
    ),
)

CORRECTED = Flow(
    "framebuffer",
    "the same driver put right: three programs map one buffer, and every count comes back",
    SOURCE,
    "The driver keeps the dma-buf itself, which ion_share_dma_buf returns, with its one reference, until it "
    "is unloaded. A handle is imported from the dma-buf without an fd in between. For an fd a reference is "
    "taken first, which dma_buf_fd then hands to the fd.",
    (
        Act(
            "corrected",
            "A mapping refers to the dma-buf by itself, so a program may close what it mapped. When the last "
            "mapping is gone the driver's reference is the only one again.",
            Generation.V4_9,
            play.corrected,
        ),
    ),
)
