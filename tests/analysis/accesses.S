// name, expected accesses, instruction: read by test_blocks.py, assembled by the compiler's own assembler
        add     x1, x1, #1              // -
        ldr     x2, [x3, #8]!           // read 8
        str     w4, [x5]                // write 4
        ldp     x6, x7, [sp], #16       // read 16
        stp     q0, q1, [x0]            // write 32
        ldrsb   w1, [x2]                // read 1
        ldrh    w1, [x2, x3, lsl #1]    // read 2
        ldr     q0, [x1]                // read 16
        ld1     {v0.4s, v1.4s}, [x0]    // read 32
        st4     {v0.b, v1.b, v2.b, v3.b}[1], [x0] // write 4
        ldaxr   x1, [x2]                // read 8
        ldxrb   w1, [x2]                // read 1
        stlxr   w3, x1, [x2]            // write 8
        ldar    w1, [x2]                // read 4
        stlr    w1, [x2]                // write 4
        ldxp    x1, x2, [x3]            // read 16
        ldxp    w1, w2, [x3]            // read 8
        stxp    w4, x1, x2, [x3]        // write 16
        ldnp    x1, x2, [x3]            // read 16
        ldnp    q1, q2, [x3]            // read 32
        stnp    w1, w2, [x3]            // write 8
        ldadd   x1, x2, [x3]            // read 8, write 8
        ldaddalb w1, w2, [x3]           // read 1, write 1
        swp     w1, w2, [x3]            // read 4, write 4
        stadd   x1, [x3]                // read 8, write 8
        cas     x1, x2, [x3]            // read 8, write 8
        casb    w1, w2, [x3]            // read 1, write 1
        casp    x0, x1, x2, x3, [x4]    // read 16, write 16
        casp    w0, w1, w2, w3, [x4]    // read 8, write 8
        ldtr    x1, [x2]                // read 8
        sttrh   w1, [x2]                // write 2
        ldapr   w1, [x2]                // read 4
        ldapur  x1, [x2, #8]            // read 8
        stlur   w1, [x2, #8]            // write 4
        ldraa   x1, [x2]                // read 8
        prfm    pldl1keep, [x1]         // -
        dc      zva, x1                 // write 64
        dc      civac, x1               // -
        ic      ivau, x1                // -
        msr     daifclr, #2             // -
        mrs     x1, cntvct_el0          // -
        paciasp                         // -
        crc32x  w1, w2, x3              // -
        isb                             // -
        svc     #5                      // -
        hvc     #0                      // -
        eret                            // -
        udf     #0                      // -
        cbz     x1, .                   // -
        ret                             // -
        ldr     w0, [x1]                // read 4
        .word   0xa4004000              // undecoded 0
        .word   0xd9200820              // undecoded 0
