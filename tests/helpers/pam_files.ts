// Arbitrary PAM files, with lines of this program of every release. A character stands for a byte.

import fc from "npm:fast-check@4.10.2";
import { FIRST_LINES, LAST_LINES } from "../../src/pam/blocks.ts";

/** The lines of this program, of earlier releases and written by hand. */
export const OUR_LINES: readonly string[] = [
  ...FIRST_LINES,
  ...LAST_LINES,
  // Without seteuid, with other controls, with another comment.
  ...FIRST_LINES.map((line) => line.replaceAll(" seteuid", "")),
  ...FIRST_LINES.map((line) => line.replace("optional", "required")),
  "# ssh-session-notifier begin",
  "# ssh-session-notifier begin: other words",
  "session optional pam_exec.so /usr/sbin/ssh-session-notifier queue",
  "session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue # by hand",
  "-session\toptional\t/lib/security/pam_exec.so\t/usr/local/bin/ssh-session-notifier\tqueue",
  "Session [success=ok default=ignore] pam_exec.so seteuid /opt/ssh-session-notifier queue",
  "session    include      ssh-session-notifier",
  "session    include      ssh-session-notifier-last",
  "session Include /etc/pam.d/ssh-session-notifier # by hand",
  "session substack ssh-session-notifier-last",
];

/** Lines that only look like those of this program. */
export const LIKE_OURS: readonly string[] = [
  "# session optional pam_exec.so /usr/sbin/ssh-session-notifier queue",
  "session optional pam_exec.so /usr/bin/other # not /usr/sbin/ssh-session-notifier",
  "session optional pam_exec.so /usr/bin/ssh-session-notifier-wrapper",
  "session optional pam_exec.so log=/var/log/ssh-session-notifier /usr/bin/other",
  "auth optional pam_exec.so /usr/sbin/ssh-session-notifier queue",
  "session optional pam_env.so conffile=/etc/ssh-session-notifier/mine.conf",
  "session optional pam_exec.so log=/run/ssh-session-notifier/unrecorded.mine /usr/bin/other",
  "session optional pam_env.so /usr/sbin/ssh-session-notifier",
  "# ssh-session-notifier beginning",
  " # ssh-session-notifier begin",
  "auth include ssh-session-notifier",
  "session include ssh-session-notifier-first",
  "session include etc/ssh-session-notifier",
  "@include ssh-session-notifier",
];

const CONTROLS = [
  ..."required requisite sufficient optional Required include Substack substack".split(" "),
  ...[
    "[success=1 default=ignore]",
    "[default=2]",
    "[success = 3 default=ignore]",
    "[success=ok ignore=ignore default=bad]",
  ],
  ...[
    "[success=done default=die]",
    "[default=0]",
    "[success=\t1\tdefault=12]",
    "[a=1x]",
    "[]",
    "[ success=ok ]",
  ],
];
const MODULES = [
  ..."pam_unix.so pam_limits.so pam_env.so pam_exec.so pam_selinux.so /lib/security/pam_env.so $ISA/pam_x.so".split(
    " ",
  ),
  ..."common-session system-auth password-auth ssh-session-notifier /etc/pam.d/su pam_selinux.so".split(" "),
];
const ARGUMENTS = [
  "[a b]",
  "[a \\] user_readenv=0]",
  ..."close open nottys force revoke readenv=1 user_readenv=0 user_readenv=1 user_readenv=001 user_readenv=10".split(
    " ",
  ),
  ..."[user_readenv=1] quiet seteuid /usr/bin/other conf=/etc/x envfile=/etc/default/locale xclose \xe9=\xa0"
    .split(" "),
];
const COMMENTS = [
  "",
  "",
  "",
  "# comment",
  "#",
  "# user_readenv=1",
  "# \xe9\xff\x85",
  "# pam_selinux.so close",
  "# ends \\ not",
];
const INCLUDED = [
  ..."common-auth common-account common-password common-session common-session-noninteractive local".split(" "),
  ..."/etc/pam.d/common-session /etc/pam.d/common-auth Common-Session system-login ssh-session-notifier-last".split(
    " ",
  ),
];
const OTHER = [
  "",
  "",
  " ",
  "\t",
  "#%PAM-1.0",
  "# a comment \\",
  "nonsense",
  "foo include bar",
  "-",
  "session required",
  "\xa0session x y",
];
/** Lines that make a file refused; rare, so that most files are edited. */
const REFUSED = [
  "session required \\",
  "auth required pam_x.so \\ ",
  "session required pam_x.so\r",
  "\\",
  "auth x # \\",
];

const space = fc.constantFrom(" ", " ", "  ", "\t", " \t ");
const margin = fc.constantFrom("", "", "", "", " ", "\t");
const words = (...parts: readonly fc.Arbitrary<string>[]) =>
  fc.tuple(...parts.flatMap((part) => [part, space])).map((list) => list.slice(0, -1).join(""));

const phase = fc.constantFrom(
  ...["session", "session", "session", "session", "session", "-session", "Session", "-SESSION"],
  ...["auth", "account", "password", "-auth", "sessions"],
);

const module = fc.tuple(
  margin,
  words(phase, fc.constantFrom(...CONTROLS), fc.constantFrom(...MODULES)),
  fc.array(fc.tuple(space, fc.constantFrom(...ARGUMENTS)).map(([before, arg]) => before + arg), { maxLength: 4 }),
  margin,
  fc.constantFrom(...COMMENTS),
).map(([before, line, args, after, comment]) => [before, line, ...args, after, comment].join(""));

const include = fc.tuple(
  margin,
  words(fc.constantFrom("@include", "@include", "@Include", "-@include"), fc.constantFrom(...INCLUDED)),
  margin,
  fc.constantFrom(...COMMENTS),
).map((parts) => parts.join(""));

/** Some lines: one of others, one or all of ours. */
const piece: fc.Arbitrary<readonly string[]> = fc.oneof(
  { weight: 40, arbitrary: module.map((line) => [line]) },
  { weight: 8, arbitrary: include.map((line) => [line]) },
  { weight: 8, arbitrary: fc.constantFrom(...OTHER).map((line) => [line]) },
  { weight: 4, arbitrary: fc.constantFrom(...OUR_LINES).map((line) => [line]) },
  { weight: 3, arbitrary: fc.constantFrom(...LIKE_OURS).map((line) => [line]) },
  { weight: 2, arbitrary: fc.constantFrom(FIRST_LINES, LAST_LINES) },
  { weight: 1, arbitrary: fc.constantFrom(...REFUSED).map((line) => [line]) },
);

/** PAM files, most of which can be edited. */
export const pamFile: fc.Arbitrary<string> = fc.tuple(
  fc.array(piece, { maxLength: 16 }),
  // Without a newline at the end, it may be that of the file.
  fc.constantFrom("\n", "\n", "\n", ""),
).map(([pieces, end]) => `${pieces.flat().join("\n")}${end}`);
