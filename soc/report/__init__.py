"""What a run leaves behind: report.json for machines, report.html and pictures for people."""

from soc.report.summary import summary
from soc.report.write import write_report

__all__ = ["summary", "write_report"]
