"""The question of the ION mailing list: one framebuffer of ION's for many programs."""
