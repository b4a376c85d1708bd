// Defines all commands and flags, from which the help and the man page are generated; tests compare the completions with
// them. Loads the module of a command only when it runs.

import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { ExitCode } from "../failure.ts";
import { CONFIG_FILE, STATE_DIR } from "../paths.ts";
import { HELP, helpText } from "./help.ts";

/** Options of {@link createProgram}. */
export interface ProgramOptions {
  /** What `--version` prints. */
  readonly version: string;
  /** Receives the exit code of the command that ran. */
  readonly done: (exitCode: ExitCode) => void;
}

/** Maximum width of a paragraph of help, in columns. */
const MAX_WIDTH = 120;

/** Creates all commands. None of them ends the process: see {@link https://github.com/tj/commander.js#override-exit-and-output-handling}. */
export function createProgram({ version, done }: ProgramOptions): Command {
  const program = new Command("ssh-session-notifier")
    .description("Sends a notification when an SSH session opens or closes.")
    .version(version, "--version", "show the version, the runtime, and where the runtime is from")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help for a command")
    .showHelpAfterError()
    // Throws instead of ending the process; the commands below inherit this.
    .exitOverride();
  addQueue(program);
  addSend(program, done);
  addCheck(program, done);
  addStatus(program, done);
  addHistory(program, done);
  addExplain(program, done);
  addRetry(program, done);
  addTest(program, done);
  addRepair(program, done);
  addCompletions(program, done);
  addMan(program, done);
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

type Done = ProgramOptions["done"];

/** Flags that override the fixed paths. */
interface Places {
  readonly stateDir?: string;
  readonly config?: string;
}

function stateDirFlag(): Option {
  return new Option("--state-dir <dir>", `use instead of ${STATE_DIR}; works only when run from source`);
}

function configFlag(): Option {
  return new Option(
    "--config <file>",
    `use instead of ${CONFIG_FILE}; the binary can read only files below the same directory`,
  );
}

function addQueue(program: Command): void {
  program.command("queue")
    .description("Record a session event; run by pam_exec at every login and logout.")
    .addOption(stateDirFlag())
    // Reached only if the arguments are wrong: otherwise main.ts runs the hook without this file.
    .action((_options, command: Command) =>
      command.error("error: queue accepts no arguments except --state-dir <dir>")
    );
}

function addSend(program: Command, done: Done): void {
  program.command("send")
    .description("Deliver pending notifications; run by systemd or cron.")
    .option("--dry-run", "show what would be sent, and change nothing")
    .option("--verbose", "log each step to stderr")
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async (
      { dryRun = false, verbose = false, stateDir, config }: Places & { dryRun?: boolean; verbose?: boolean },
    ) => {
      const { send } = await import("../send/send.ts");
      done(await send({ dryRun, verbose, stateDir, configFile: config }));
    });
}

function addCheck(program: Command, done: Done): void {
  program.command("check")
    .description("Check the installation: files, PAM, configuration, scheduler, pending notifications.")
    .option("--json", "print JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const { check } = await import("../admin/check/check.ts");
      done(check({ json }));
    });
}

function addStatus(program: Command, done: Done): void {
  program.command("status")
    .description("Show pending and given-up notifications with their errors, and whether the alarm works.")
    .option("--json", "print JSON")
    .addOption(new Option("--prometheus", "print metrics for node_exporter").conflicts("json"))
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async ({ json, prometheus, stateDir, config }: Places & { json?: boolean; prometheus?: boolean }) => {
      const { status } = await import("../admin/status/status.ts");
      const form = json ? "json" : prometheus ? "prometheus" : "text";
      done(status({ form, stateDir, configFile: config }));
    });
}

/** Flags of `history`, as commander parses them. */
interface HistoryFlags extends Places {
  readonly user?: string;
  readonly from?: string;
  readonly key?: string;
  readonly since?: string;
  readonly until?: string;
  readonly unexpected?: boolean;
  readonly limit?: number | "all";
  readonly json?: boolean;
  readonly heatmap?: boolean;
}

function addHistory(program: Command, done: Done): void {
  program.command("history")
    .description("Show who logged in: when, from where, with which key, for how long, and what was unexpected.")
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
      new Option("--heatmap", "show logins by weekday and hour, and by user").conflicts(["json", "limit"]),
    )
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async ({ config, json, heatmap, unexpected = false, ...rest }: HistoryFlags) => {
      const { history } = await import("../admin/history/history.ts");
      const form = json ? "json" : heatmap ? "heatmap" : "table";
      done(history({ ...rest, form, unexpected, configFile: config }));
    });
}

function parseLimit(text: string): number | "all" {
  if (text === "all") return "all";
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a positive number or "all".');
  return Number(text);
}

/** Flags of `explain`, as commander parses them. */
interface ExplainFlags extends Places {
  readonly user: string;
  readonly ip?: string;
  readonly key?: string;
  readonly service: string;
}

function addExplain(program: Command, done: Done): void {
  program.command("explain")
    .description(
      "Explain how a login would be handled: which rule matches, whether it is unexpected, which routes get it.",
    )
    .requiredOption("--user <user>", "the account that is logged in to")
    .option("--ip <address>", "the address of the client; without it, a login on the host itself")
    .option("--key <fingerprint>", "the fingerprint of the key, as shown by ssh-keygen -lf")
    .option("--service <name>", "the PAM service", "sshd")
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async ({ config, ...options }: ExplainFlags) => {
      const { explain } = await import("../admin/explain.ts");
      done(explain({ ...options, configFile: config }));
    });
}

function addRetry(program: Command, done: Done): void {
  program.command("retry")
    .description("Retry given-up notifications, and make pending ones due now.")
    .option("--route <route>", "retry only this route")
    .option("--to <route>", "move the notifications to this route, as from a route that is no longer configured")
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async (
      { route, to, stateDir, config }: Places & { route?: string; to?: string },
      command: Command,
    ) => {
      if (to !== undefined && route === undefined) command.error("error: --to requires --route");
      const { retry } = await import("../admin/retry.ts");
      done(retry({ route, to, stateDir, configFile: config }));
    });
}

function addTest(program: Command, done: Done): void {
  program.command("test")
    .description("Send a test notification on every route, and show the result for each.")
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async ({ stateDir, config }: Places) => {
      const { testRoutes } = await import("../admin/test_routes.ts");
      done(await testRoutes({ stateDir, configFile: config }));
    });
}

function addRepair(program: Command, done: Done): void {
  program.command("repair")
    .description("Repair the queue database if it is damaged, without interrupting logins.")
    .option("--force", "replace the database even if it is not damaged")
    .addOption(stateDirFlag())
    .action(async ({ force = false, stateDir }: Places & { force?: boolean }) => {
      const { repair } = await import("../admin/repair/repair.ts");
      done(await repair({ force, stateDir }));
    });
}

const SHELLS = ["bash", "zsh", "fish"] as const;

function addCompletions(program: Command, done: Done): void {
  program.command("completions")
    .description("Print the completions for a shell.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action(async (shell: typeof SHELLS[number]) => {
      const { printCompletions } = await import("./completions.ts");
      done(printCompletions(shell));
    });
}

const SECTIONS = ["5", "7", "8"] as const;

function addMan(program: Command, done: Done): void {
  program.command("man")
    .description("Print a manual page.")
    .addArgument(
      new Argument("[section]", "8: the commands, 5: the configuration, 7: security").choices(SECTIONS).default("8"),
    )
    .action(async (section: typeof SECTIONS[number]) => {
      const { printManPage } = await import("../man/man_page.ts");
      done(printManPage(section));
    });
}
