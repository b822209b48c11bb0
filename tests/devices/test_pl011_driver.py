"""The console driver on a PL011 model, through registers only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from devices.pl011.driver import INPUT_LIMIT, Pl011Console
from soc.kernel.device import Device
from soc.kernel.errors import KernelError
from soc.kernel.log import KernelLog
from tests.devices.pl011_bench import CHARACTER, CR_ON, NODE, RT, RX, Bench


class Console:
    """The driver, probed, with the kernel reduced to what it calls."""

    def __init__(self, bench: Bench) -> None:
        self.log = KernelLog(bench.clock)
        self.handler: Any = None
        kernel = SimpleNamespace(cpu=bench.cpu, log=self.log, request_irq=self.request_irq)
        self.driver = Pl011Console(Device(cast(Any, kernel), bench.slot.node))
        bench.slot.irqs[0].connect(self.on_line)

    def request_irq(self, device: Device, index: int, handler: Any) -> None:
        assert (device.name, index) == ("9000000.uart", 0)
        self.handler = handler

    def on_line(self, level: bool) -> None:
        if level:
            self.handler()


def test_the_driver_brings_the_uart_up_and_takes_the_kernel_log() -> None:
    bench = Bench()
    console = Console(bench)
    console.log.info("Booting")
    console.driver.probe()
    assert (bench.read("UARTIBRD"), bench.read("UARTFBRD"), bench.read("UARTLCR_H")) == (13, 1, 0x70)
    assert (bench.read("UARTCR"), bench.read("UARTIMSC")) == (CR_ON, RX | RT)
    console.log.info("Linux")
    console.driver.write("é\n")
    assert bench.uart.output == b"[    0.000000] Booting\r\n[    0.000000] Linux\r\n\xc3\xa9\r\n"
    assert (console.driver.lost_output, bench.log) == (0, [])


def test_the_driver_divides_the_clock_that_the_board_gives() -> None:
    clock = "clock: &clock {compatible: fixed-clock, '#clock-cells': 0, clock-frequency: 48000000}\n"
    bench = Bench(nodes=clock + NODE.replace("}", ", clocks: [*clock]}"))
    Console(bench).driver.probe()
    assert (bench.read("UARTIBRD"), bench.read("UARTFBRD")) == (26, 3)  # 115176 baud


def test_the_driver_receives_by_interrupt() -> None:
    bench = Bench()
    console = Console(bench)
    console.driver.probe()
    heard: list[bytes] = []
    console.driver.on_input = lambda: heard.append(console.driver.read())
    bench.uart.receive(b"ls -l\n" + bytes(10))
    bench.run(8 * CHARACTER)
    assert heard == [b"ls -l\n\0\0"]
    bench.run(20 * CHARACTER)
    assert b"".join(heard) == b"ls -l\n" + bytes(10)
    assert console.driver.lost_input == 0


def test_unread_input_is_bounded_and_losses_are_counted() -> None:
    bench = Bench()
    console = Console(bench)
    console.driver.probe()
    bench.uart.receive(bytes(INPUT_LIMIT + 8))
    bench.run((INPUT_LIMIT + 20) * CHARACTER)
    assert len(console.driver.read()) == INPUT_LIMIT
    assert console.driver.lost_input == 8


def test_the_driver_gives_up_on_a_transmitter_somebody_switched_off() -> None:
    bench = Bench()
    console = Console(bench)
    console.driver.probe()
    bench.write("UARTCR", 0)
    console.driver.write("x" * 18)
    assert console.driver.lost_output == 2


def test_the_driver_refuses_what_is_no_pl011() -> None:
    bench = Bench()
    console = Console(bench)
    cast(Any, bench.uart.targets[0]).set("UARTPeriphID0", 0x31)
    with pytest.raises(KernelError) as caught:
        console.driver.probe()
    assert str(caught.value) == "-ENODEV: 9000000.uart: id 0x00241031/0xb105f00d is not a PL011"


def test_remove_leaves_the_uart_off() -> None:
    bench = Bench()
    console = Console(bench)
    console.driver.probe()
    console.driver.remove()
    assert (bench.read("UARTCR"), bench.read("UARTIMSC"), console.log.sink) == (0, 0, None)
