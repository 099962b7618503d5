"""JUnit XML that dashboards read back, with points, whatever a submission wrote."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from junitparser import JUnitXml

from grading.reports import junit
from grading.scoring import Report


def properties(element: ET.Element) -> dict[str, str]:
    return {p.attrib["name"]: p.attrib["value"] for p in element.findall("properties/property")}


def test_points_are_properties(half: Report) -> None:
    text = junit(half)
    suite = ET.fromstring(text.encode()).find("testsuite")
    assert suite is not None
    assert properties(suite)["score"] == "14" and properties(suite)["isolation"] == "L3"
    cases = suite.findall("testcase")
    by_name = {case.attrib["name"]: case for case in cases}
    case = by_name["test_kl_at_prior_is_zero"]
    assert case.attrib["classname"] == "vae.kl_divergence"
    assert properties(case) == {
        "points": "0", "max_points": "4", "task": "kl_divergence", "visibility": "public",
        "bonus": "false",
    }  # fmt: skip
    failure = case.find("failure")
    assert failure is not None and failure.text is not None
    assert failure.attrib["message"] == "The KL of the prior with itself is not 0."
    assert "likely mistake: You left out the −1" in failure.text
    assert by_name["test_c"].find("error") is not None
    assert sum(int(properties(c)["points"]) for c in cases) == 14 + 3
    again = JUnitXml.fromstring(text.encode())
    assert (again.tests, again.failures, again.errors) == (14, 9, 1)


def test_hostile_text(hostile: Report) -> None:
    root = ET.fromstring(junit(hostile).encode())
    assert len(root.findall("testsuite")) == 2
    message = root.find("testsuite/testcase/failure")
    assert message is not None and "<script>" in message.attrib["message"]
