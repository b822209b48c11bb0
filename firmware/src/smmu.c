/* SMMUv3: a linear stream table, one context descriptor a stream, two queues. Source: ARM IHI 0070. */
#include "smmu.h"

#include <stddef.h>

#include "board.h"
#include "cpu.h"
#include "mmio.h"
#include "regs/smmuv3.h"
#include "uart.h"

#define REGISTER(name) (SMMU_BASE + SMMUV3_##name)

/* Stream table entry (5.2) */
#define STE_VALID (1UL << 0)
#define STE_STAGE1 (5UL << 1)
#define STE_CD_CACHED (1UL << 2 | 1UL << 4 | 3UL << 6) /* word 1: write-back, inner shareable */
#define STE_SHAREABILITY_INCOMING (1UL << 44)

/* Context descriptor (5.4) */
#define CD_T0SZ 25UL /* 39 bits of IOVA */
#define CD_WALK_CACHED (1UL << 8 | 1UL << 10 | 3UL << 12)
#define CD_EPD1 (1UL << 30)
#define CD_VALID (1UL << 31)
#define CD_IPS_40 (2UL << 32)
#define CD_AARCH64 (1UL << 41)
#define CD_RECORD_AND_ABORT (1UL << 45 | 1UL << 46)
#define CD_ASET (1UL << 47)
#define CD_ASID(asid) ((uint64_t)(asid) << 48)
#define CD_MAIR_UNCACHED 0x44UL /* attribute 0 */

/* CR1 (6.3.11): tables and queues write-back cached, inner shareable */
#define CR1_CACHED (1u << 0 | 1u << 2 | 3u << 4 | 1u << 6 | 1u << 8 | 3u << 10)
#define READ_ALLOCATE (1UL << 62)

/* Commands (4) and events (7.3) */
#define CMD_CFGI_STE 0x03UL
#define CMD_CFGI_CD 0x05UL
#define CMD_TLBI_NSNH_ALL 0x30UL
#define CMD_SYNC 0x46UL
#define CMD_LEAF 1UL
#define CMD_STREAM(stream) ((uint64_t)(stream) << 32)
#define EVENT_ID(word) ((unsigned)(word) & 0xff)
#define EVENT_STREAM(word) ((unsigned)((word) >> 32))
#define EVENT_READ (1UL << 35) /* word 1 */

#define STREAMS_LOG2 5
#define COMMANDS_LOG2 4
#define EVENTS_LOG2 6
#define STREAMS (1u << STREAMS_LOG2)
#define COMMANDS (1u << COMMANDS_LOG2)
#define EVENTS (1u << EVENTS_LOG2)
#define OVERFLOW (1u << 31) /* EVENTQ_PROD.OVFLG, EVENTQ_CONS.OVACKFLG */
#define PATIENCE 1000000    /* reads of a register that has to change */

/* Each aligned to its size, as the SMMU demands. */
static uint64_t stream_table[STREAMS][8] __attribute__((aligned(STREAMS * 64)));
static uint64_t contexts[STREAMS][8] __attribute__((aligned(64)));
static volatile uint64_t commands[COMMANDS][2] __attribute__((aligned(COMMANDS * 16)));
static volatile uint64_t events[EVENTS][4] __attribute__((aligned(EVENTS * 32)));

static uint32_t command_prod;
static unsigned events_seen;

static void wait_for(uintptr_t address, uint32_t mask, uint32_t value, const char *what)
{
    for (unsigned i = 0; i < PATIENCE; i++)
        if ((read32(address) & mask) == value)
            return;
    fail("smmu: %s does not become 0x%x\n", what, value);
}

static void set_enables(uint32_t value)
{
    write32(REGISTER(CR0), value);
    wait_for(REGISTER(CR0ACK), 0xffffffff, value, "CR0ACK");
}

static void command(uint64_t low, uint64_t high)
{
    commands[command_prod % COMMANDS][0] = low;
    commands[command_prod % COMMANDS][1] = high;
    command_prod = (command_prod + 1) % (2 * COMMANDS);
}

/* Hand the commands since the last call to the SMMU, and wait until it has carried them out. */
static void commands_run(void)
{
    command(CMD_SYNC, 0);
    write32(REGISTER(CMDQ_PROD), FIELD(SMMUV3_CMDQ_PROD_WR, command_prod));
    wait_for(REGISTER(CMDQ_CONS), SMMUV3_CMDQ_CONS_RD_MASK, command_prod, "CMDQ_CONS");
}

void smmu_init(void)
{
    set_enables(0);
    write32(REGISTER(CR1), CR1_CACHED);
    write32(REGISTER(CR2), SMMUV3_CR2_RECINVSID_MASK);
    write64(REGISTER(STRTAB_BASE), (uintptr_t)stream_table | READ_ALLOCATE);
    write32(REGISTER(STRTAB_BASE_CFG), FIELD(SMMUV3_STRTAB_BASE_CFG_LOG2SIZE, STREAMS_LOG2));
    write64(REGISTER(CMDQ_BASE), (uintptr_t)commands | COMMANDS_LOG2 | READ_ALLOCATE);
    write32(REGISTER(CMDQ_PROD), 0);
    write32(REGISTER(CMDQ_CONS), 0);
    write64(REGISTER(EVENTQ_BASE), (uintptr_t)events | EVENTS_LOG2 | READ_ALLOCATE);
    write32(REGISTER(EVENTQ_PROD), 0);
    write32(REGISTER(EVENTQ_CONS), 0);
    write32(REGISTER(IRQ_CTRL), SMMUV3_IRQ_CTRL_GERROR_IRQEN_MASK | SMMUV3_IRQ_CTRL_EVENTQ_IRQEN_MASK);
    set_enables(SMMUV3_CR0_CMDQEN_MASK | SMMUV3_CR0_EVENTQEN_MASK);
}

void smmu_attach(unsigned stream, unsigned asid, const struct iotable *table)
{
    uint64_t *context = contexts[stream];
    uint64_t *entry = stream_table[stream];

    context[1] = (uintptr_t)table->level1;
    context[3] = CD_MAIR_UNCACHED;
    context[0] = CD_T0SZ | CD_WALK_CACHED | CD_EPD1 | CD_VALID | CD_IPS_40 | CD_AARCH64 |
                 CD_RECORD_AND_ABORT | CD_ASET | CD_ASID(asid);
    entry[1] = STE_CD_CACHED | STE_SHAREABILITY_INCOMING;
    dsb();
    entry[0] = STE_VALID | STE_STAGE1 | (uintptr_t)context; /* last: it makes the entry valid */
    dsb();
    command(CMD_CFGI_STE | CMD_STREAM(stream), CMD_LEAF);
    command(CMD_CFGI_CD | CMD_STREAM(stream), CMD_LEAF);
    commands_run();
}

void smmu_enable(void)
{
    command(CMD_TLBI_NSNH_ALL, 0);
    commands_run();
    set_enables(SMMUV3_CR0_CMDQEN_MASK | SMMUV3_CR0_EVENTQEN_MASK | SMMUV3_CR0_SMMUEN_MASK);
}

static void report(const volatile uint64_t *record)
{
    events_seen++;
    print("smmu: event 0x%x stream 0x%x iova 0x%lx %s\n", EVENT_ID(record[0]), EVENT_STREAM(record[0]),
          record[2], record[1] & EVENT_READ ? "read" : "write");
}

void smmu_event_irq(void)
{
    uint32_t cons = read32(REGISTER(EVENTQ_CONS));
    uint32_t prod;

    /* The interrupt comes for the first record of an empty queue only, so leave it empty. */
    while ((prod = read32(REGISTER(EVENTQ_PROD))) != cons) {
        if ((prod ^ cons) & OVERFLOW)
            print("smmu: event queue overflow, records are lost\n");
        while ((cons ^ prod) & ~OVERFLOW) {
            report(events[cons % EVENTS]);
            cons = (cons + 1) % (2 * EVENTS);
        }
        cons = prod;
        write32(REGISTER(EVENTQ_CONS), cons);
    }
}

void smmu_gerror_irq(void)
{
    uint32_t error = read32(REGISTER(GERROR));
    uint32_t active = error ^ read32(REGISTER(GERRORN));

    write32(REGISTER(GERRORN), error);
    fail("smmu: global error 0x%x, command queue 0x%x\n", active, read32(REGISTER(CMDQ_CONS)));
}

unsigned smmu_events(void)
{
    return events_seen;
}
