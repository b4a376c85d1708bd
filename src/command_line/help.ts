// What the help of each command says below its flags. The man page has the same.

/** What there is to say of a command beside its flags. */
export interface CommandHelp {
  /** Paragraphs. */
  readonly text: readonly string[];
  /** What one would type, or write into a file; a line each. */
  readonly examples: readonly Example[];
}

/** What one would type, and behind `where` where it is written instead. */
export interface Example {
  readonly line: string;
  /** `a line of /etc/cron.d`, where it is nothing to type. */
  readonly where?: string;
}

/** The exit codes that are the same for all commands but `queue`; see failure.ts. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, "all is done, or there was nothing to do"],
  [64, "the command line is wrong"],
  [70, "a defect of this program"],
  [75, "something is left to retry"],
  [77, "this user may not do it"],
  [78, "the configuration, or the installation around it, is wrong"],
];

const QUEUE: CommandHelp = {
  text: [
    "Reads the environment that pam_exec passes (PAM_TYPE, PAM_USER and so on), and prints nothing.",
    "Exits with 0 if the event is recorded or there is none, with 1 if it is lost.",
  ],
  examples: [{
    line: "session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue",
    where: "first of the session lines of /etc/pam.d/sshd",
  }],
};

const SEND: CommandHelp = {
  text: [
    "Waits up to a minute for what is due soon, and ends.",
    "Exits with 0 if nothing is left, with 75 if something is left to retry.",
  ],
  examples: [
    { line: "runuser -u ssh-session-notifier -- ssh-session-notifier send --dry-run" },
    {
      line: "* * * * * ssh-session-notifier /usr/sbin/ssh-session-notifier send",
      where: "a line of /etc/cron.d",
    },
  ],
};

const CHECK: CommandHelp = {
  text: [
    "Prints a line for each thing it looks at: pass, warning or fault, and what to do about it.",
    "Exits with 0 if nothing is at fault, else with 78.",
  ],
  examples: [
    { line: "sudo ssh-session-notifier check" },
    { line: `sudo ssh-session-notifier check --json | jq '.findings[] | select(.level == "fault")'` },
  ],
};

const STATUS: CommandHelp = {
  text: [
    "Its last line says whether the alarm works: send runs and reads, no route is failing (its last attempt failed), " +
    "and no event is overdue (it has waited for more than 15 minutes).",
    "With --prometheus it prints metrics for the textfile collector of node_exporter. Write them beside the file and " +
    "rename them, so that the collector never reads half of it.",
    "Exits with 0 whatever there is to say; check is the one that judges.",
  ],
  examples: [
    { line: "sudo ssh-session-notifier status" },
    { line: "sudo ssh-session-notifier status --json | jq '.routes[] | select(.pending > 0)'" },
    {
      line: "* * * * * root cd /var/lib/prometheus/node-exporter && " +
        "/usr/sbin/ssh-session-notifier status --prometheus >ssh.prom.new && mv ssh.prom.new ssh.prom",
      where: "a line of /etc/cron.d",
    },
  ],
};

const HISTORY: CommandHelp = {
  text: [
    "Prints a line for each login, oldest first, so that the newest stands right above the prompt: when, who, from " +
    "where, with which key, how long, whether it was notified, and why it was unexpected. A logout without a login has " +
    "a line of its own. Times are in the time zone of the configuration. On a narrow terminal columns are left out, " +
    "the key first, and what is too long is cut; into a pipe or a file goes everything.",
    "--from takes an address or a network, --key a fingerprint or a name of [key_names]. --since and --until take a " +
    "date (2026-11-23; until: to its end), a date and time (2026-11-23 11:13), or a span before now (90min, 12h, 7d, " +
    "2w).",
    "--json prints an object a line, all of them unless --limit says less. --heatmap shows on which weekdays and at " +
    "which hours people log in, with a bar for each user; it counts all logins that the filters let through.",
  ],
  examples: [
    { line: "sudo ssh-session-notifier history --unexpected --since 7d" },
    { line: "sudo ssh-session-notifier history --user alice --from 203.0.113.0/24 --limit all" },
    { line: "sudo ssh-session-notifier history --heatmap --since 12w" },
    { line: "sudo ssh-session-notifier history --json | jq -r 'select(.unexpected) | .user' | sort | uniq -c" },
  ],
};

const EXPLAIN: CommandHelp = {
  text: ["Looks at the configuration and at who has logged in before, and changes nothing."],
  examples: [
    { line: "sudo ssh-session-notifier explain --user alice --ip 203.0.113.7" },
    {
      line: "sudo ssh-session-notifier explain --user backup --ip 198.51.100.4 " +
        `--key "$(ssh-keygen -lf key.pub | cut -d' ' -f2)"`,
    },
  ],
};

const RETRY: CommandHelp = {
  text: ["Sends nothing by itself: the next run of send does, within a minute."],
  examples: [
    { line: "sudo ssh-session-notifier retry" },
    { line: "sudo ssh-session-notifier retry --route oncall" },
    { line: "sudo ssh-session-notifier retry --route old --to oncall" },
  ],
};

const TEST: CommandHelp = {
  text: [
    "Exits with 0 if all were delivered, with 75 if a service can't be reached now, with 78 if a route needs a mend.",
  ],
  examples: [{ line: "sudo ssh-session-notifier test" }],
};

const REPAIR: CommandHelp = {
  text: [
    "Looks whether queue can use its database, and puts right what it can. A damaged database is moved into a folder " +
    "beside it, and send takes over what can be read of it. Nothing that happens meanwhile is lost: it goes to the " +
    "spool.",
    "Exits with 0 if queue can write again, with 75 if the disk is full or the database is locked.",
  ],
  examples: [{ line: "sudo ssh-session-notifier repair" }],
};

const COMPLETIONS: CommandHelp = {
  text: [
    "install.sh has put them where each shell looks for them; a shell that was started before has to be restarted.",
  ],
  examples: [
    { line: "source <(ssh-session-notifier completions bash)" },
    { line: "ssh-session-notifier completions zsh >/usr/local/share/zsh/site-functions/_ssh-session-notifier" },
    { line: "ssh-session-notifier completions fish | source" },
  ],
};

const MAN: CommandHelp = {
  text: ["install.sh has put it where man looks for it."],
  examples: [{ line: "ssh-session-notifier man | man -l -" }],
};

/** What there is to say of each command, by its name. */
export const HELP: ReadonlyMap<string, CommandHelp> = new Map(Object.entries({
  queue: QUEUE,
  send: SEND,
  check: CHECK,
  status: STATUS,
  history: HISTORY,
  explain: EXPLAIN,
  retry: RETRY,
  test: TEST,
  repair: REPAIR,
  completions: COMPLETIONS,
  man: MAN,
}));

/** An example as it is shown. */
function exampleText({ line, where }: Example): string {
  return where === undefined ? line : `${line}    (${where})`;
}

/**
 * The help below the flags.
 *
 * @param wrap breaks a paragraph into lines that fit the terminal
 */
export function helpText({ text, examples }: CommandHelp, wrap: (paragraph: string) => string): string {
  const title = examples.length === 1 ? "Example:" : "Examples:";
  return ["", ...text.map(wrap), "", title, ...examples.map((example) => `  ${exampleText(example)}`)].join("\n");
}
