"""Tag files, command files and log configurations."""

from __future__ import annotations

TEXTS: dict[str, bytes] = {
    "tags.txt": b"PatientName PatientID\n(0010,0030)",
    "tags_one.txt": b"PatientName\n",
    "tags_empty.txt": b"",
    "tags_comment.txt": b"# c\nPatientName",
    "tags_comma.txt": b"PatientName,PatientID",
    "tags_semicolon.txt": b"PatientName;",
    "tags_joined.txt": b"(0010,0010)(0010,0020)",
    "tags_bare.txt": b"0010,0010",
    "tags_open.txt": b"(0010,0010",
    "tags_unknown.txt": b"Foo",
    "tags_period.txt": b"(0010,0010)\n.\n",
    "tags_index.txt": b"PatientName[0]",
    "tags_short.txt": b"(10,10)",
    "tags_blanks.txt": b"( 0010,0010 )",
    "tags_blank_comma.txt": b"(0010 ,0010)",
    "tags_absent.txt": b"(0010,2000) PatientName",
    "tags_nul.txt": b"PatientName\0Foo",
    "cmd.txt": b"--verify\n+cf \"root.pem\" 'ok.dcm'\n",
    "cmd_plain.txt": b"+cf root.pem ok.dcm",
    "cmd_crlf.txt": b"+cf root.pem\r\nok.dcm\r\n",
    "cmd_comment.txt": b"+cf\troot.pem ok.dcm # x",
    "cmd_semicolon.txt": b"; c\n+cf root.pem ok.dcm",
    "cmd_nested.txt": b"@cmd2.txt ok.dcm",
    "cmd_joined.txt": b'+cf "root.pem"ok.dcm',
    "cmd_backslash.txt": b'+cf \\"a ok.dcm',
    "cmd_part.txt": b"+cf root.pem",
    "cmd_empty.txt": b"",
    "cmd_hash.txt": b"# comment\n+cf root.pem ok.dcm",
    "cmd_open.txt": b'+cf root.pem "ok.dcm',
    "cmd_inner.txt": b"'+cf' ro'ot.pem' ok.dcm",
    "log.cfg": b"log4cplus.rootLogger = ERROR, console\n"
    b"log4cplus.appender.console = log4cplus::ConsoleAppender\n"
    b"log4cplus.appender.console.logToStdErr = true\n"
    b"log4cplus.appender.console.layout = log4cplus::PatternLayout\n"
    b"log4cplus.appender.console.layout.ConversionPattern = %P: %m%n\n",
    "log_empty.cfg": b"nothing\n",
    "log_other.cfg": b"x = 1\n",
    "log_rootless.cfg": b"log4cplus.x = 1\n",
    "garbage.txt": b"This is no DICOM file, and longer than a few bytes, so that its end is not the reason.\n" * 4,
}
