// Defines all commands and flags, from which the help and the man page are generated; tests compare the completions with
// them. Loads the module of a command only when it runs.

import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { ExitCode } from "../failure.ts";
import { CONFIG_FILE, STATE_DIR } from "../paths.ts";
import { HELP, helpText } from "./help.ts";

/** Maximum width of a paragraph of help, in columns. */
const MAX_WIDTH = 120;

/**
 * Creates all commands. None of them ends the process: see {@link https://github.com/tj/commander.js#override-exit-and-output-handling}.
 *
 * @param version what `--version` prints
 * @param done receives the exit code of the command that ran
 */
export function createProgram(version: string, done: (exitCode: ExitCode) => void): Command {
  const program = new Command("ssh-session-notifier")
    .description("Sends a notification when an SSH session opens or closes.")
    .version(version, "--version", "show the version, the runtime, and where the runtime is from")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help for a command")
    .showHelpAfterError()
    // Throws instead of ending the process; the commands below inherit this.
    .exitOverride();
  addCommands(program, done);
  for (const command of program.commands) {
    const help = HELP.get(command.name());
    if (help === undefined) continue;
    command.addHelpText("after", () => {
      const helper = command.createHelp();
      const width = command.configureOutput().getOutHelpWidth?.() ?? MAX_WIDTH;
      return helpText(help, (paragraph) => helper.boxWrap(paragraph, Math.min(width, MAX_WIDTH)));
    });
  }
  return program;
}

const SHELLS = ["bash", "zsh", "fish"] as const;
const SECTIONS = ["5", "7", "8"] as const;
const PAM_ACTIONS = ["add", "remove", "no-user-readenv", "includes"] as const;

function addCommands(program: Command, done: (exitCode: ExitCode) => void): void {
  const add = (name: string, description: string) => program.command(name).description(description);
  const stateDir = new Option("--state-dir <dir>", `use instead of ${STATE_DIR}; works only when run from source`);
  const config = new Option(
    "--config <file>",
    `use instead of ${CONFIG_FILE}; the binary can read only files below the same directory`,
  );
  /** Runs a command with its flags as options: `--config` is `configFile`, and a flag without a value is a boolean. */
  const run =
    <Options>(load: () => Promise<(options: Options) => ExitCode | Promise<ExitCode>>) =>
    async ({ config, ...given }: { config?: string }, { options }: Command) => {
      const command = await load();
      const off = options.filter((option) => option.isBoolean()).map((option) => [option.attributeName(), false]);
      done(await command({ ...Object.fromEntries(off), ...given, configFile: config } as Options));
    };
  add("queue", "Record a session event; run by pam_exec at every login and logout.")
    .addOption(stateDir)
    // Reached only if the arguments are wrong: otherwise main.ts runs the hook without this file.
    .action((_options, command: Command) =>
      command.error("error: queue accepts no arguments except --state-dir <dir>")
    );
  const send = add("send", "Deliver pending notifications; run by systemd or cron.")
    .option("--dry-run", "show what would be sent, and change nothing")
    .option("--report", "with --dry-run: show the report that would be sent now")
    .option("--verbose", "log each step to stderr")
    .addOption(stateDir)
    .addOption(config)
    .action(run(async () => {
      const { report, dryRun } = send.opts();
      if (report && !dryRun) send.error("error: --report requires --dry-run");
      return (await import("../send/send.ts")).send;
    }));
  add("check", "Check the installation: files, PAM, configuration, scheduler, pending notifications.")
    .option("--json", "print JSON")
    .action(run(async () => (await import("../admin/check/check.ts")).check));
  add("status", "Show pending and given-up notifications with their errors, and whether the alarm works.")
    .option("--json", "print JSON")
    .addOption(new Option("--prometheus", "print metrics for node_exporter").conflicts("json"))
    .addOption(stateDir)
    .addOption(config)
    .action(run(async () => (await import("../admin/status/status.ts")).status));
  add("history", "Show who logged in: when, from where, with which key, for how long, and what was unexpected.")
    .option("--user <user>", "show only this user")
    .option("--from <network>", "show only this address or network, such as 203.0.113.7 or 2001:db8::/32")
    .option("--key <key>", "show only this key, given as a fingerprint or by its name in the configuration")
    .option("--since <when>", "start at a date, a date and time, or a time span before now, such as 7d")
    .option("--until <when>", "end at a date, a date and time, or a time span before now")
    .option("--unexpected", "show only entries that are unexpected or were tampered with")
    .addOption(
      new Option("--limit <count>", "show the newest <count> entries, or all (default: 100; with --json: all)")
        .argParser(parseLimit),
    )
    .option("--json", "print one JSON object per line")
    .addOption(
      new Option("--by <what>", "show one line per user, place or key, with counts and the first and the last login")
        .choices(["user", "place", "key"]).conflicts("limit"),
    )
    .addOption(
      new Option("--heatmap", "show logins by weekday and hour, and by user, or as --by says")
        .conflicts(["json", "limit"]),
    )
    .addOption(stateDir)
    .addOption(config)
    .action(run(async () => (await import("../admin/history/history.ts")).history));
  add(
    "explain",
    "Explain how a login would be handled: which rule matches, whether it is unexpected, which routes get it.",
  )
    .requiredOption("--user <user>", "the account that is logged in to")
    .option("--ip <address>", "the address of the client; without it, a login on the host itself")
    .option("--key <key>", "the key, given as a fingerprint or by its name in the configuration")
    .option("--service <name>", "the PAM service", "sshd")
    .addOption(stateDir)
    .addOption(config)
    .action(run(async () => (await import("../admin/explain.ts")).explain));
  const retry = add("retry", "Retry given-up notifications, and make pending ones due now.")
    .option("--route <route>", "retry only this route")
    .option("--to <route>", "move the notifications to this route, as from a route that is no longer configured")
    .addOption(stateDir)
    .addOption(config)
    .action(run(async () => {
      const { route, to } = retry.opts();
      if (to !== undefined && route === undefined) retry.error("error: --to requires --route");
      return (await import("../admin/retry.ts")).retry;
    }));
  add("test", "Send a test notification on every route, and show the result for each.")
    .addOption(stateDir)
    .addOption(config)
    .action(run(async () => (await import("../admin/test_routes.ts")).testRoutes));
  add("repair", "Repair the queue database if it is damaged, without interrupting logins.")
    .option("--force", "replace the database even if it is not damaged")
    .addOption(stateDir)
    .action(run(async () => (await import("../admin/repair/repair.ts")).repair));
  add("pam-edit", "Edit a PAM file as a filter, from standard input to standard output.")
    .addArgument(new Argument("<action>", "what to do").choices(PAM_ACTIONS))
    .action(async (action: typeof PAM_ACTIONS[number]) => {
      const { editPam } = await import("../admin/pam_edit.ts");
      done(editPam(action));
    });
  add("completions", "Print the completions for a shell.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action(async (shell: typeof SHELLS[number]) => {
      const { printCompletions } = await import("./completions.ts");
      done(printCompletions(shell));
    });
  add("man", "Print a manual page.")
    .addArgument(
      new Argument("[section]", "8: the commands, 5: the configuration, 7: security").choices(SECTIONS).default("8"),
    )
    .action(async (section: typeof SECTIONS[number]) => {
      const { printManPage } = await import("../man/man_page.ts");
      done(printManPage(section));
    });
}

function parseLimit(text: string): number | "all" {
  if (text === "all") return "all";
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a positive number or "all".');
  return Number(text);
}
