"""SMMUv3 data structures as pure data: tables, commands, events. Source: ARM IHI 0070, chapters 3 to 7.

Each class parses or builds the little-endian 64-bit words of one structure.
"""

from devices.smmuv3.spec.cd import ContextDescriptor
from devices.smmuv3.spec.commands import (
    COMMAND_WORDS,
    EVERY_STREAM,
    Command,
    CommandError,
    Opcode,
    SyncSignal,
)
from devices.smmuv3.spec.events import (
    EVENT_WORDS,
    TRANSLATION_FAULTS,
    EventId,
    EventRecord,
    FaultClass,
)
from devices.smmuv3.spec.features import Features
from devices.smmuv3.spec.ste import DefaultSubstream, Override, SteConfig, StreamTableEntry
from devices.smmuv3.spec.tables import (
    CD_WORDS,
    STE_WORDS,
    L1ContextDescriptor,
    L1StreamTableDescriptor,
    S1Format,
)

__all__ = [
    "CD_WORDS",
    "COMMAND_WORDS",
    "EVENT_WORDS",
    "EVERY_STREAM",
    "STE_WORDS",
    "TRANSLATION_FAULTS",
    "Command",
    "CommandError",
    "ContextDescriptor",
    "DefaultSubstream",
    "EventId",
    "EventRecord",
    "FaultClass",
    "Features",
    "L1ContextDescriptor",
    "L1StreamTableDescriptor",
    "Opcode",
    "Override",
    "S1Format",
    "SteConfig",
    "StreamTableEntry",
    "SyncSignal",
]
