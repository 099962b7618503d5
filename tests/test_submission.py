"""The intake takes what belongs to a part, and nothing that could steer the grader."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grading import intake, submission
from grading.errors import SubmissionError, UsageError
from grading.submission import Submission, collect

CODE = "def f():\n    return 1\n"
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX file system")


def write(path: Path, content: str | bytes = CODE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def reasons(taken: Submission) -> dict[str, str]:
    return dict(taken.left_out)


def names(taken: Submission) -> set[str]:
    return {p.name for p in taken.folder.rglob("*") if p.is_file()}


@pytest.fixture(params=["descriptors", "paths"])
def way(request, monkeypatch):
    """Both ways of walking: by descriptor, and by name where the system has no openat."""
    if request.param == "paths":
        monkeypatch.setattr(intake.os, "supports_dir_fd", set())
        monkeypatch.setattr(
            intake, "_flags", lambda *names: getattr(os, "O_NONBLOCK", 0) | os.O_RDONLY
        )
    elif os.open not in os.supports_dir_fd:
        pytest.skip("no openat here")
    return request.param


class TestPlaces:
    @pytest.mark.parametrize(
        "place",
        [
            "assignments/day2_vae/student/vae.py",
            "student/vae.py",
            "vae.py",
            "alice/vae.py",
            "alice/student/vae.py",
            "alice/hand_in/student/vae.py",
        ],
    )
    def test_finds_the_part(self, tmp_path, place, way):
        write(tmp_path / place)
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files["vae"].read_text() == CODE
            assert taken.origin == tmp_path
            assert taken.files["vae"].is_relative_to(taken.folder)
        assert not taken.folder.exists()

    def test_several_parts_of_several_days(self, tmp_path, way):
        write(tmp_path / "assignments/day1_autoencoder/student/autoencoder.py", "a = 1\n")
        write(tmp_path / "assignments/day2_vae/student/vae.py", "b = 2\n")
        write(tmp_path / "assignments/day2_vae/student/training.py", "c = 3\n")
        write(tmp_path / "assignments/day2_vae/student/helper.py", "d = 4\n")
        with collect(tmp_path, ["autoencoder", "vae", "training", "absent"]) as taken:
            assert {p: f.read_text() for p, f in taken.files.items()} == {
                "autoencoder": "a = 1\n",
                "vae": "b = 2\n",
                "training": "c = 3\n",
            }
            assert taken.files["vae"].parent == taken.files["training"].parent
            assert taken.files["vae"].parent != taken.files["autoencoder"].parent
            assert (taken.files["vae"].parent / "helper.py").read_text() == "d = 4\n"
            assert taken.left_out == []
            assert "absent.py" in taken.why_missing("absent")

    def test_student_folder_wins_over_others(self, tmp_path, way):
        write(tmp_path / "vae.py", "wrong = 1\n")
        write(tmp_path / "old/vae.py", "wrong = 2\n")
        write(tmp_path / "student/vae.py", "right = 1\n")
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files["vae"].read_text() == "right = 1\n"

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ("a/student/vae.py", "a/old/vae.py"),
            ("a/student/vae.py", "vae.py"),
            ("vae.py", "a/vae.py"),
        ],
    )
    def test_rank_anywhere(self, tmp_path, right, wrong):
        write(tmp_path / right, "right = 1\n")
        write(tmp_path / wrong, "wrong = 1\n")
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files["vae"].read_text() == "right = 1\n"

    @pytest.mark.parametrize(
        "pair",
        [
            ("student/vae.py", "assignments/day2_vae/student/vae.py"),
            ("assignments/day2_vae/student/vae.py", "assignments/day2_old/student/vae.py"),
            ("alice/student/vae.py", "bob/student/vae.py"),
            ("old/vae.py", "new/vae.py"),
        ],
    )
    def test_two_of_the_same_rank_are_ambiguous(self, tmp_path, pair, way):
        for place in pair:
            write(tmp_path / place)
        into = tmp_path / "into"
        with pytest.raises(SubmissionError) as error:
            collect(tmp_path, ["vae"], into)
        assert all(place in str(error.value) for place in pair)
        assert not into.exists()

    def test_course_repository_is_not_searched_for_old_copies(self, tmp_path):
        write(tmp_path / "assignments/day2_vae/student/other.py")
        write(tmp_path / "old/vae.py")
        with collect(tmp_path, ["vae"]) as taken:
            assert "vae" not in taken.files

    def test_depth_and_number_of_files_are_capped(self, tmp_path, monkeypatch):
        deep = tmp_path.joinpath(*["d"] * submission.MAX_DEPTH)
        write(deep / "vae.py")
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files == {}
        monkeypatch.setattr(submission, "MAX_ENTRIES", 3)
        for number in range(5):
            write(tmp_path / f"x{number}.py")
        with collect(tmp_path, ["vae"]) as taken:
            assert "only the first 3 files" in str(taken.left_out)

    def test_one_file(self, tmp_path, way):
        one = write(tmp_path / "vae.py")
        write(tmp_path / "helper.py")
        with collect(one, ["training", "vae"]) as taken:
            assert list(taken.files) == ["vae"]
            assert names(taken) == {"vae.py"}
        renamed = write(tmp_path / "alice 3.py")
        with collect(renamed, ["vae"]) as taken:
            assert taken.files["vae"].name == "vae.py"
        with pytest.raises(SubmissionError, match=r"training\.py, vae\.py"):
            collect(renamed, ["training", "vae"])
        with pytest.raises(SubmissionError):
            collect(write(tmp_path / "vae.txt"), ["vae"])

    @pytest.mark.parametrize("bad", ["nowhere", "nul\0", "x" * 5000])
    def test_unreadable_path(self, tmp_path, bad):
        with pytest.raises(SubmissionError, match="cannot be read"):
            collect(tmp_path / bad, ["vae"])

    @pytest.mark.parametrize("bad", ["../vae", "a/b", "", "vae.py", "-x", "v\u202eae"])
    def test_part_names_are_names(self, tmp_path, bad):
        with pytest.raises(UsageError):
            collect(tmp_path, [bad])


class TestCopy:
    def test_into_is_fresh(self, tmp_path):
        write(tmp_path / "s/vae.py")
        with collect(tmp_path / "s", ["vae"], tmp_path / "new") as taken:
            assert taken.folder == tmp_path / "new"
        write(tmp_path / "full/x")
        with pytest.raises(UsageError):
            collect(tmp_path / "s", ["vae"], tmp_path / "full")
        assert (tmp_path / "full/x").exists()

    @POSIX
    def test_everyone_may_read_and_nobody_else_write(self, tmp_path):
        secretive = write(tmp_path / "s/vae.py")
        secretive.chmod(0o4600)
        old = os.umask(0o077)
        try:
            with collect(tmp_path / "s", ["vae"], tmp_path / "out") as taken:
                for path in [taken.folder, *taken.folder.rglob("*")]:
                    mode = stat.S_IMODE(path.stat().st_mode)
                    assert mode == (0o755 if path.is_dir() else 0o644)
        finally:
            os.umask(old)

    @POSIX
    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
    def test_an_ordinary_user_can_read_the_copy(self, tmp_path):
        write(tmp_path / "s/vae.py")
        with collect(tmp_path / "s", ["vae"]) as taken:
            read = subprocess.run(
                ["cat", taken.files["vae"]], user=61234, group=61234, capture_output=True
            )
        assert read.stdout.decode() == CODE

    @POSIX
    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
    def test_an_ordinary_user_can_collect_and_is_told_what_he_may_not_read(self, tmp_path):
        """In a child with a dropped uid: root reads everything, so only there EACCES shows."""
        base = Path("/tmp") / f"collect-{os.getpid()}"
        try:
            write(base / "student/vae.py").chmod(0o644)
            write(base / "student/helper.py").chmod(0o600)
            base.chmod(0o755), (base / "student").chmod(0o755)
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    os.setgroups([])
                    os.setresgid(61234, 61234, 61234)
                    os.setresuid(61234, 61234, 61234)
                    with collect(base, ["vae"]) as taken:
                        refused = "cannot be read" in reasons(taken)["student/helper.py"]
                        code = 0 if "vae" in taken.files and refused else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def test_answers_and_helpers_come_along_and_other_things_do_not(self, tmp_path, way):
        for name in ("vae.py", "helper.py", "answers.md", "weights.pt", ".hidden.py"):
            write(tmp_path / "student" / name)
        write(tmp_path / "student/package/__init__.py")
        with collect(tmp_path, ["vae"]) as taken:
            assert names(taken) == {"vae.py", "helper.py", "answers.md"}
            assert set(reasons(taken)) == {"student/weights.pt", "student/package"}
        with collect(tmp_path, ["vae"], extras=()) as taken:
            assert names(taken) == {"vae.py", "helper.py"}

    @pytest.mark.parametrize(
        "name",
        [
            *("conftest.py", "pytest.ini", "evil.pth", "pyproject.toml", "setup.cfg", "tox.ini"),
            *("sitecustomize.py", "usercustomize.py", "json.py", "torch.py", "pytest.py"),
            *("_pytest.py", "grading.py", "numpy.py", "os.py", "lab.py", ".pytest.ini"),
        ],
    )
    def test_what_would_steer_the_grader_stays_out(self, tmp_path, name, way):
        write(tmp_path / "student/vae.py")
        write(tmp_path / "student" / name)
        with collect(tmp_path, ["vae"]) as taken:
            assert names(taken) == {"vae.py"}
            assert reasons(taken)[f"student/{name}"]


class TestCaps:
    def test_file_size(self, tmp_path, way):
        write(tmp_path / "vae.py", b"#" * 70 + b"\n" * (intake.MAX_FILE - 70))
        write(tmp_path / "big.py", b"\n" * (intake.MAX_FILE + 1))
        with collect(tmp_path, ["vae"]) as taken:
            assert names(taken) == {"vae.py"}
            assert "larger than 1 MiB" in reasons(taken)["big.py"]

    def test_a_file_that_grows_is_cut_off(self, tmp_path, monkeypatch):
        write(tmp_path / "vae.py", b"\n" * 100)
        monkeypatch.setattr(intake, "MAX_FILE", 50)
        monkeypatch.setattr(intake, "wrong_kind", lambda info: "")
        monkeypatch.setattr(submission, "wrong_kind", lambda info: "")
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files == {}

    def test_total_and_count(self, tmp_path, monkeypatch, way):
        monkeypatch.setattr(submission, "MAX_TOTAL", 100)
        monkeypatch.setattr(submission, "MAX_FILES", 3)
        write(tmp_path / "vae.py", "#" * 60)
        write(tmp_path / "a.py", "#" * 60)
        write(tmp_path / "b.py", "#" * 10)
        write(tmp_path / "c.py", "#" * 10)
        write(tmp_path / "d.py", "#" * 10)
        with collect(tmp_path, ["vae"]) as taken:
            assert names(taken) == {"vae.py", "b.py", "c.py"}
            assert "in all" in reasons(taken)["a.py"]
            assert "3 files" in reasons(taken)["d.py"]

    def test_the_list_of_what_was_left_out_is_short(self, tmp_path):
        write(tmp_path / "vae.py")
        for number in range(submission.MAX_NOTES + 50):
            write(tmp_path / f"x{number}.bin", "")
        with collect(tmp_path, ["vae"]) as taken:
            assert len(taken.left_out) == submission.MAX_NOTES + 1
            assert "more" in taken.left_out[-1].reason


@POSIX
class TestLinksAndDevices:
    def check_refused(self, root: Path, word: str) -> None:
        with collect(root, ["vae"]) as taken:
            assert taken.files == {}
            assert names(taken) == set()
            assert word in taken.why_missing("vae")

    def test_symbolic_link(self, tmp_path, way):
        (tmp_path / "student").mkdir()
        (tmp_path / "student/vae.py").symlink_to("/etc/passwd")
        self.check_refused(tmp_path, "link")
        self.check_refused(tmp_path / "student/vae.py", "link")

    @pytest.mark.parametrize("place", ["student", "assignments", "assignments/day2_vae"])
    def test_linked_folder(self, tmp_path, place, way):
        elsewhere = tmp_path / "elsewhere"
        for deep in ("", "student", "day2_vae/student"):
            write(elsewhere / deep / "vae.py", "secret = 1\n")
        root = tmp_path / "root"
        (root / place).parent.mkdir(parents=True)
        (root / place).symlink_to(elsewhere, target_is_directory=True)
        with collect(root, ["vae"]) as taken:
            assert taken.files == {}
            assert "link" in reasons(taken)[place]

    def test_hard_link(self, tmp_path, way):
        secret = write(tmp_path / "secret.py", "secret = 1\n")
        (tmp_path / "student").mkdir()
        os.link(secret, tmp_path / "student/vae.py")
        self.check_refused(tmp_path, "hard link")

    def test_fifo_does_not_block(self, tmp_path, way):
        (tmp_path / "student").mkdir()
        os.mkfifo(tmp_path / "student/vae.py")
        self.check_refused(tmp_path, "pipe")
        self.check_refused(tmp_path / "student/vae.py", "pipe")

    def test_fifo_swapped_in_after_the_look_does_not_block(self, tmp_path, monkeypatch, way):
        victim = write(tmp_path / "vae.py")
        real = intake.Folder.open_file

        def swap(folder, name):
            victim.unlink()
            os.mkfifo(victim)
            return real(folder, name)

        monkeypatch.setattr(intake.Folder, "open_file", swap)
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files == {}

    def test_link_swapped_in_after_the_look(self, tmp_path, monkeypatch, way):
        write(tmp_path / "secret.py", "secret = 1\n")
        victim = write(tmp_path / "s/vae.py")
        real = intake.Folder.open_file

        def swap(folder, name):
            victim.unlink()
            victim.symlink_to(tmp_path / "secret.py")
            return real(folder, name)

        monkeypatch.setattr(intake.Folder, "open_file", swap)
        with collect(tmp_path / "s", ["vae"]) as taken:
            assert taken.files == {}

    def test_folder_swapped_for_a_link_on_the_way(self, tmp_path, monkeypatch):
        write(tmp_path / "elsewhere/vae.py", "secret = 1\n")
        write(tmp_path / "s/student/vae.py")
        real = submission._Intake._copy_folder

        def swap(self, folder, where, target, parts):
            shutil.rmtree(tmp_path / "s/student")
            (tmp_path / "s/student").symlink_to(tmp_path / "elsewhere")
            return real(self, folder, where, target, parts)

        monkeypatch.setattr(submission._Intake, "_copy_folder", swap)
        with collect(tmp_path / "s", ["vae"]) as taken:
            assert taken.files == {}

    def test_socket_and_device(self, tmp_path, monkeypatch, way):
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("vae.py")
            self.check_refused(tmp_path, "device, pipe or socket")
        if os.geteuid() == 0:
            (tmp_path / "vae.py").unlink()
            os.mknod(tmp_path / "vae.py", stat.S_IFCHR | 0o666, os.makedev(1, 5))
            self.check_refused(tmp_path, "device, pipe or socket")

    def test_folder_named_like_the_part(self, tmp_path, way):
        (tmp_path / "student/vae.py").mkdir(parents=True)
        self.check_refused(tmp_path, "folder")

    def test_linked_root_is_the_callers_own_choice(self, tmp_path, way):
        write(tmp_path / "real/vae.py")
        (tmp_path / "current").symlink_to(tmp_path / "real")
        with collect(tmp_path / "current", ["vae"]) as taken:
            assert "vae" in taken.files

    def test_no_descriptor_is_left_open(self, tmp_path):
        for place in ("student/vae.py", "student/x.py", "a/b/c.py"):
            write(tmp_path / place)
        collect(tmp_path, ["vae", "other"]).close()
        before = len(list(Path("/dev/fd").iterdir()))
        for _ in range(3):
            collect(tmp_path, ["vae", "other"]).close()
        assert len(list(Path("/dev/fd").iterdir())) == before


class TestSource:
    def refused(self, tmp_path: Path, source: bytes) -> str:
        write(tmp_path / "vae.py", source)
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files == {}
            return reasons(taken)["vae.py"]

    def taken(self, tmp_path: Path, source: bytes) -> bytes:
        write(tmp_path / "vae.py", source)
        with collect(tmp_path, ["vae"]) as taken:
            return taken.files["vae"].read_bytes()

    def test_byte_order_mark_is_taken_off(self, tmp_path):
        assert self.taken(tmp_path, b"\xef\xbb\xbfx = 1\n") == b"x = 1\n"

    def test_nul(self, tmp_path):
        assert "NUL" in self.refused(tmp_path, b"x = 1\n\0")

    def test_not_utf8_names_the_line(self, tmp_path):
        assert "line 3" in self.refused(tmp_path, b"x = 1\ny = 2\n# caf\xe9\n")

    def test_utf16(self, tmp_path):
        assert self.refused(tmp_path, "x = 1".encode("utf-16"))

    def test_encoded_surrogates(self, tmp_path):
        assert "UTF-8" in self.refused(tmp_path, b"x = '\xed\xa0\x80'\n")

    def test_long_line_names_the_line(self, tmp_path):
        assert self.taken(tmp_path, b"#" * intake.MAX_LINE)
        assert "line 2" in self.refused(tmp_path, b"\r" + b"#" * (intake.MAX_LINE + 1))

    @pytest.mark.parametrize(
        "cookie",
        [
            b"# coding: utf-7\n",
            b"# -*- coding: latin-1 -*-\n",
            b"#!/usr/bin/python\n# vim: set fileencoding=utf_7 :\n",
            b"\n#coding=unicode_escape",
            b"\x0c# coding:rot13\r\nx",
            b"\r# coding:utf-7\rx",
            b"\xef\xbb\xbf# coding: utf-7\n",
            b"# coding: utf-80\n",
        ],
    )
    def test_other_encodings_are_refused(self, tmp_path, cookie):
        assert "encoding" in self.refused(tmp_path, cookie + b"\nx = 1\n")

    @pytest.mark.parametrize(
        "cookie",
        [
            b"# coding: utf-8\n",
            b"# -*- coding: UTF_8 -*-\n",
            b"# coding=utf8\n",
            b"x = 1\n# coding: latin-1\n",
            b"\n\n# coding: latin-1\n",
            b"# encoding the image\n",
        ],
    )
    def test_harmless_comments_are_taken(self, tmp_path, cookie):
        assert self.taken(tmp_path, cookie) == cookie

    def test_a_parser_bomb_is_not_parsed_here(self, tmp_path):
        bomb = b"(" * 15_000 + b"\n"
        assert self.taken(tmp_path, bomb) == bomb


class TestNames:
    @POSIX
    @pytest.mark.parametrize(
        "name",
        [
            *("a b.py", "x\n.py", "\x1b[2J.py", "gp\u202eyp.py", "ｖae.py", "con.py", "LPT1.md"),
            *("-x.py", "a;b.py", "\udcff.py", "a\u200bb.py", "x" * 120 + ".py", "é.py", "..py.py"),
        ],
    )
    def test_odd_names_stay_out_and_print_safely(self, tmp_path, name, way):
        write(tmp_path / "student/vae.py")
        if os.path.lexists(tmp_path / "student" / name):
            pytest.skip("the file system folds this name")
        write(tmp_path / "student" / name)
        with collect(tmp_path, ["vae"]) as taken:
            assert names(taken) == {"vae.py"}
            for shown, reason in taken.left_out:
                assert ("invisible" in reason) == (not name.isprintable())
                (shown + reason).encode("utf-8")
                assert (shown + reason).isprintable()

    def test_case_twins(self, tmp_path, way):
        write(tmp_path / "student/vae.py", "mine = 1\n")
        if (tmp_path / "student/VAE.py").exists():
            pytest.skip("the file system folds case")
        for name in ("VAE.py", "helper.py", "Helper.py"):
            write(tmp_path / "student" / name)
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files["vae"].read_text() == "mine = 1\n"
            assert len({name.casefold() for name in names(taken)}) == len(names(taken)) == 2
            assert "student/VAE.py" in reasons(taken)

    def test_only_the_twin_is_there(self, tmp_path, way):
        write(tmp_path / "student/VAE.py")
        if (tmp_path / "student/vae.py").exists():
            pytest.skip("the file system folds case")
        with collect(tmp_path, ["vae"]) as taken:
            assert taken.files == {}
            assert "named exactly vae.py" in taken.why_missing("vae")

    @POSIX
    @settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        name=st.one_of(
            st.text(max_size=40),
            st.text(alphabet="aAzé._- \n\x1b\u202e/\\0", max_size=12),
            st.binary(max_size=30).map(os.fsdecode),
        ).flatmap(lambda stem: st.sampled_from([stem, stem + ".py", stem + ".md", stem + ".pth"])),
    )
    def test_any_name(self, tmp_path, name):
        shutil.rmtree(tmp_path / "s", ignore_errors=True)
        write(tmp_path / "s/student/vae.py")
        try:
            path = tmp_path / "s/student" / name
            if "/" in name or name in ("", ".", "..") or os.path.lexists(path):
                return
            write(path, "x = 1\n")
        except (OSError, ValueError, UnicodeEncodeError):
            return
        with collect(tmp_path / "s", ["vae"]) as taken:
            assert taken.files["vae"].read_text() == CODE
            extra = names(taken) - {"vae.py"}
            for copied in extra:
                assert copied == name
                assert copied.isascii() and copied.isprintable() and " " not in copied
                assert copied.endswith((".py", ".md"))
                assert copied[:-3] not in sys.stdlib_module_names
            assert (tmp_path / "s/student/vae.py").read_text() == CODE
            assert all((shown + why).isprintable() for shown, why in taken.left_out)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_source(self, data):
        reason, source = intake.checked_source(data)
        assert bool(reason) != (source == data.removeprefix(b"\xef\xbb\xbf"))
        if not reason:
            source.decode("utf-8")
            assert b"\0" not in source
