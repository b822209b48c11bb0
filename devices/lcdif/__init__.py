"""LCDIF, the display controller of i.MX6SX and 8MM."""
