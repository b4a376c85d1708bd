// The tree of the commands: what can be said, and what is started then. Help, completions and the man page are made of
// it. A command's module is loaded only when it runs.

import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { ExitCode } from "../failure.ts";
import { CONFIG_FILE, STATE_DIR } from "../paths.ts";
import { HELP, helpText } from "./help.ts";

/** What the tree needs to know. */
export interface ProgramOptions {
  /** What `--version` prints. */
  readonly version: string;
  /** Told the exit code of the command that ran. */
  readonly done: (exitCode: ExitCode) => void;
}

/** The widest paragraph of a help text, in columns. */
const MAX_WIDTH = 120;

/** The whole tree. Nothing in it ends the process: see {@link https://github.com/tj/commander.js#override-exit-and-output-handling}. */
export function createProgram({ version, done }: ProgramOptions): Command {
  const program = new Command("ssh-session-notifier")
    .description("Tells you when SSH sessions open and close.")
    .version(version, "--version", "show the version, the runtime, and where the runtime is from")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .showHelpAfterError()
    // Throws instead of ending the process. Holds for the commands below, which inherit it.
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

/** The flags that put other files in the place of the fixed ones. */
interface Places {
  readonly stateDir?: string;
  readonly config?: string;
}

function stateDirFlag(): Option {
  return new Option("--state-dir <dir>", `in place of ${STATE_DIR}; works from the sources only`);
}

function configFlag(): Option {
  return new Option("--config <file>", `in place of ${CONFIG_FILE}; the binary reads only what lies beside it`);
}

function addQueue(program: Command): void {
  program.command("queue")
    .description("Record a session event; run by pam_exec at every login and logout.")
    .addOption(stateDirFlag())
    // main.ts runs the hook itself, without this file, when it is called as it should be.
    .action((_options, command: Command) => command.error("error: queue takes nothing but --state-dir and <dir>"));
}

function addSend(program: Command, done: Done): void {
  program.command("send")
    .description("Deliver what is pending; run by a systemd unit or cron.")
    .option("--dry-run", "show what would be sent, and change nothing")
    .option("--verbose", "say on stderr what is done")
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
    .description("Look whether the installation is right: files, PAM, configuration, scheduler, what waits.")
    .option("--json", "print JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const { check } = await import("../admin/check.ts");
      done(check({ json }));
    });
}

function addStatus(program: Command, done: Done): void {
  program.command("status")
    .description("Show what is pending and why, what was given up, and whether the alarm works.")
    .option("--json", "print JSON")
    .addOption(new Option("--prometheus", "print metrics for node_exporter").conflicts("json"))
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async ({ json, prometheus, stateDir, config }: Places & { json?: boolean; prometheus?: boolean }) => {
      const { status } = await import("../admin/status.ts");
      const form = json ? "json" : prometheus ? "prometheus" : "text";
      done(status({ form, stateDir, configFile: config }));
    });
}

/** What commander makes of the flags of `history`. */
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
    .description("Show who has logged in: when, from where, with which key, for how long, and what was unexpected.")
    .option("--user <user>", "of this user alone")
    .option("--from <network>", "from this address or network alone, such as 203.0.113.7 or 2001:db8::/32")
    .option("--key <key>", "with this key alone: its fingerprint, or its name in the configuration")
    .option("--since <when>", "from then on: a date, a date and time, or a span before now, such as 7d")
    .option("--until <when>", "up to then: likewise")
    .option("--unexpected", "only what was unexpected or tampered with")
    .addOption(
      new Option("--limit <count>", "the newest ones, or all (default: 100; with --json all)").argParser(parseLimit),
    )
    .option("--json", "print a JSON object a line")
    .addOption(
      new Option("--heatmap", "show logins by weekday and hour, and by user").conflicts(["json", "limit"]),
    )
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async ({ config, json, heatmap, unexpected = false, ...rest }: HistoryFlags) => {
      const { history } = await import("../admin/history.ts");
      const form = json ? "json" : heatmap ? "heatmap" : "table";
      done(history({ ...rest, form, unexpected, configFile: config }));
    });
}

function parseLimit(text: string): number | "all" {
  if (text === "all") return "all";
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 on, or "all".');
  return Number(text);
}

/** What commander makes of the flags of `explain`. */
interface ExplainFlags extends Places {
  readonly user: string;
  readonly ip?: string;
  readonly key?: string;
  readonly service: string;
}

function addExplain(program: Command, done: Done): void {
  program.command("explain")
    .description("Say what would become of a login and why: which rule decides, whether it is unexpected, who is told.")
    .requiredOption("--user <user>", "the account logged in to")
    .option("--ip <address>", "where the login comes from; without it, a login on the machine itself")
    .option("--key <fingerprint>", "the key that it comes with, as ssh-keygen -lf shows it")
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
    .description("Bring back what was given up, and try now what waits.")
    .option("--route <route>", "of this route alone")
    .option("--to <route>", "move it to that route; for a route that has gone from the configuration")
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async (
      { route, to, stateDir, config }: Places & { route?: string; to?: string },
      command: Command,
    ) => {
      if (to !== undefined && route === undefined) command.error("error: --to needs --route: what is to be moved");
      const { retry } = await import("../admin/retry.ts");
      done(retry({ route, to, stateDir, configFile: config }));
    });
}

function addTest(program: Command, done: Done): void {
  program.command("test")
    .description("Send a test notification on every route, and show what the services answer.")
    .addOption(stateDirFlag())
    .addOption(configFlag())
    .action(async ({ stateDir, config }: Places) => {
      const { testRoutes } = await import("../admin/test_routes.ts");
      done(await testRoutes({ stateDir, configFile: config }));
    });
}

function addRepair(program: Command, done: Done): void {
  program.command("repair")
    .description("Mend the queue database, while logins happen, where it is damaged.")
    .option("--force", "move it aside though it is not damaged")
    .addOption(stateDirFlag())
    .action(async ({ force = false, stateDir }: Places & { force?: boolean }) => {
      const { repair } = await import("../admin/repair.ts");
      done(await repair({ force, stateDir }));
    });
}

const SHELLS = ["bash", "zsh", "fish"] as const;

/** The shells that there are completions for. */
export type Shell = typeof SHELLS[number];

function addCompletions(program: Command, done: Done): void {
  program.command("completions")
    .description("Print the completions of this command line for a shell.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action(async (shell: Shell) => {
      const { printCompletions } = await import("./completions.ts");
      done(printCompletions(program, shell));
    });
}

function addMan(program: Command, done: Done): void {
  program.command("man")
    .description("Print the man page.")
    .action(async () => {
      const { printManPage } = await import("./man_page.ts");
      done(printManPage(program));
    });
}
