// The text that each command's help shows below its flags. The man page includes it too.

/** Help for one command, apart from its flags. */
export interface CommandHelp {
  /** Paragraphs. */
  readonly text: readonly string[];
  /** Commands to type, or lines of a file. */
  readonly examples: readonly {
    readonly line: string;
    /** Where the line belongs, such as `a line in /etc/cron.d/FILE`; undefined for a command to type. */
    readonly where?: string;
  }[];
}

/** The help for each command, by name. */
export const HELP: ReadonlyMap<string, CommandHelp> = new Map(Object.entries<CommandHelp>({
  queue: {
    text: [
      "Reads the environment variables that pam_exec sets (PAM_TYPE, PAM_USER and others) and prints nothing.",
      "Exits with 0 if the event was recorded or there was nothing to record, with 1 if the event was lost.",
    ],
    examples: [{
      line: "session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue",
      where: "the first session line in /etc/pam.d/sshd",
    }],
  },
  send: {
    text: [
      "Waits up to a minute for deliveries that are due soon, then exits.",
      "Exits with 0 if nothing is pending, 75 if something remains to be retried, 78 if a route or setting is wrong.",
    ],
    examples: [
      { line: "runuser -u ssh-session-notifier -- ssh-session-notifier send --dry-run" },
      {
        line: "* * * * * ssh-session-notifier /usr/sbin/ssh-session-notifier send",
        where: "a line in /etc/cron.d/FILE",
      },
    ],
  },
  check: {
    text: [
      "Prints one line per check: pass, warning or fault, with a hint for each problem.",
      "Exits with 0 if there is no fault, otherwise with 78.",
    ],
    examples: [
      { line: "sudo ssh-session-notifier check" },
      { line: `sudo ssh-session-notifier check --json | jq '.findings[] | select(.level == "fault")'` },
    ],
  },
  status: {
    text: [
      "The last line reports whether the alarm works: the disk has room, send runs and reads events within 5 minutes, " +
      "no route is failing (its last attempt failed), and no event is overdue (pending for more than 15 minutes).",
      "--prometheus prints metrics for the textfile collector of node_exporter. Write them to a temporary file in the " +
      "same directory and rename it, so the collector never reads a partial file.",
      "Exits with 0 even if it reports problems; check exits with 78.",
    ],
    examples: [
      { line: "sudo ssh-session-notifier status" },
      { line: "sudo ssh-session-notifier status --json | jq '.routes[] | select(.pending > 0)'" },
      {
        line: "* * * * * root cd /var/lib/prometheus/node-exporter && " +
          "/usr/sbin/ssh-session-notifier status --prometheus >ssh.prom.new && mv ssh.prom.new ssh.prom",
        where: "a line in /etc/cron.d/FILE",
      },
    ],
  },
  history: {
    text: [
      "Prints one line per login, oldest first: time, user, origin, place, key, certificate (ID, serial number and CA), " +
      "duration, whether a notification was delivered, and why the login was unexpected. A logout without a recorded " +
      "login has its own line. Times are in the configured time zone. A login without a recorded logout is shown as " +
      "open?, or as no logout recorded if the host has restarted since. On a narrow terminal, columns are omitted, " +
      "the certificate and the key first, and long values are cut; output to a pipe or a file is complete.",
      "--from takes an address or a network, --key a fingerprint or a name from [key_names]. --since and --until take " +
      "a date (2026-11-23; --until includes that day), a date and time (2026-11-23 11:13), or a time span before now " +
      "(10m, 12h, 7d, 2w).",
      "--json prints one object per line, without a limit unless --limit sets one. --by user, --by place and --by key " +
      "show one line for each user, place or key instead: how many logins, how many of them were unexpected, the first " +
      "and the last, and with what. A place is what the databases of [place] said, or else the address. --heatmap " +
      "shows logins by weekday and hour, with a bar for each user, or for what --by names. Both count all logins that " +
      "match the filters.",
    ],
    examples: [
      { line: "sudo ssh-session-notifier history --unexpected --since 7d" },
      { line: "sudo ssh-session-notifier history --user alice --from 203.0.113.0/24 --limit all" },
      { line: "sudo ssh-session-notifier history --by place --user root" },
      { line: "sudo ssh-session-notifier history --heatmap --since 12w" },
      { line: "sudo ssh-session-notifier history --json | jq -r 'select(.unexpected) | .user' | sort | uniq -c" },
    ],
  },
  explain: {
    text: ["Uses the configuration and the login history, and changes nothing."],
    examples: [
      { line: "sudo ssh-session-notifier explain --user alice --ip 203.0.113.7" },
      {
        line: "sudo ssh-session-notifier explain --user backup --ip 198.51.100.4 " +
          `--key "$(ssh-keygen -lf key.pub | cut -d' ' -f2)"`,
      },
    ],
  },
  retry: {
    text: ["Sends nothing itself: the next run of send delivers the notifications, within a minute."],
    examples: [
      { line: "sudo ssh-session-notifier retry" },
      { line: "sudo ssh-session-notifier retry --route oncall" },
      { line: "sudo ssh-session-notifier retry --route old --to oncall" },
    ],
  },
  test: {
    text: [
      "Exits with 0 if all are delivered, with 75 if a service is unavailable now, with 78 if a route must be corrected.",
    ],
    examples: [{ line: "sudo ssh-session-notifier test" }],
  },
  repair: {
    text: [
      "Checks whether queue can use its database, and fixes what it can. A damaged database is moved aside, " +
      "and send recovers the events that can still be read. Events that occur during the repair go to the " +
      "spool and are not lost.",
      "Exits with 0 if queue can write again, 75 if the disk is full or the database is locked, 78 if it cannot repair.",
    ],
    examples: [{ line: "sudo ssh-session-notifier repair" }],
  },
  "pam-edit": {
    text: [
      "add prints the file with the hook's lines at the start and the end of the session stack, and without the lines " +
      "of other releases. remove prints it without these lines, and prints a file that has none as it is. " +
      "no-user-readenv prints it with user_readenv=0 in place of user_readenv=1, in any phase. includes prints only the " +
      "names of the files that it includes, in any phase, one per line. All other lines stay as they are, byte by byte. " +
      "No file is opened or changed. Write the result to another file: the shell would empty the PAM file first.",
      "Exits with 0 if the result was printed, 78 if the file is not understood or an edit would change what its other " +
      "lines do; nothing is printed then.",
    ],
    examples: [
      { line: "ssh-session-notifier pam-edit add </etc/pam.d/sshd | diff -u /etc/pam.d/sshd -" },
      { line: "ssh-session-notifier pam-edit remove </etc/pam.d/sshd >sshd.new" },
    ],
  },
  completions: {
    text: [
      "install.sh installs the completions for each shell; restart shells that were already running.",
    ],
    examples: [
      { line: "source <(ssh-session-notifier completions bash)" },
      { line: "ssh-session-notifier completions zsh >/usr/local/share/zsh/site-functions/_ssh-session-notifier" },
      { line: "ssh-session-notifier completions fish | source" },
    ],
  },
  man: {
    text: ['install.sh installs all three pages, so "man ssh-session-notifier" shows section 8.'],
    examples: [{ line: "ssh-session-notifier man 5 | man -l -" }],
  },
}));

/**
 * Formats the help below the flags.
 *
 * @param wrap breaks a paragraph into lines that fit the terminal
 */
export function helpText({ text, examples }: CommandHelp, wrap: (paragraph: string) => string): string {
  const title = examples.length === 1 ? "Example:" : "Examples:";
  const lines = examples.map(({ line, where }) => where === undefined ? `  ${line}` : `  ${line}    (${where})`);
  return ["", ...text.map(wrap), "", title, ...lines].join("\n");
}
