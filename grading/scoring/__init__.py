"""Assignments, points and the report: what a score consists of."""

from grading.scoring.manifest import (
    Assignment,
    Part,
    PartLimits,
    Task,
    Test,
    find_assignments,
    find_part,
    load_assignment,
    parse_assignment,
)
from grading.scoring.points import RawResult, score_part, split_points, ungraded_part, unlisted
from grading.scoring.report import (
    Generator,
    Misconception,
    PartReport,
    Report,
    TaskReport,
    TestReport,
    changes,
    make_report,
    next_task,
    report_schema,
    weakest,
)
from grading.scoring.report_file import (
    publish_schema,
    read_json,
    to_json,
    write_json,
    write_text,
)
from grading.scoring.text import clean

__all__ = [
    "Assignment",
    "Generator",
    "Misconception",
    "Part",
    "PartLimits",
    "PartReport",
    "RawResult",
    "Report",
    "Task",
    "TaskReport",
    "Test",
    "TestReport",
    "changes",
    "clean",
    "find_assignments",
    "find_part",
    "load_assignment",
    "make_report",
    "next_task",
    "parse_assignment",
    "publish_schema",
    "read_json",
    "report_schema",
    "score_part",
    "split_points",
    "to_json",
    "ungraded_part",
    "unlisted",
    "weakest",
    "write_json",
    "write_text",
]
