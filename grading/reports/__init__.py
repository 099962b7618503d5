"""A report for people and machines: terminal, markdown, JUnit XML, JSON."""

from grading.reports.compare import print_comparison
from grading.reports.junit import junit
from grading.reports.markdown import markdown
from grading.reports.progress import Progress
from grading.reports.screen import Screen, make_console, no_commands
from grading.reports.terminal import change_line, print_report
from grading.scoring.report_file import to_json, write_json, write_text

__all__ = [
    "Progress",
    "Screen",
    "change_line",
    "junit",
    "make_console",
    "markdown",
    "no_commands",
    "print_comparison",
    "print_report",
    "to_json",
    "write_json",
    "write_text",
]
