/* Generated from the register table "syscon"; do not edit.
 * Source: the devicetree binding mfd/syscon.yaml
 */
#ifndef SYSCON_REGS_H
#define SYSCON_REGS_H

#define SYSCON_SPAN 0x4 /* bytes of address space */
#define SYSCON_WORD 0x000 /* rw: Plain storage; one in every four bytes of the node's reg */

#endif /* SYSCON_REGS_H */
