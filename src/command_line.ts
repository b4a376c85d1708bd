// The command line of every command but the bare `queue`: what can be said, the help, and what is started.

import { Command, CommanderError } from "commander";
import config from "../deno.json" with { type: "json" };
import { ExitCode } from "./failure.ts";
import { CONFIG_FILE, STATE_DIR } from "./paths.ts";

const STATE_DIR_FLAG = ["--state-dir <dir>", `in place of ${STATE_DIR}; works from the sources only`] as const;
const CONFIG_FLAG = [
  "--config <file>",
  `in place of ${CONFIG_FILE}; the binary reads only what lies beside it`,
] as const;

/**
 * Runs what the arguments say.
 *
 * @returns the exit code: that of the command, 0 after a help text, 64 for a command line that is wrong
 */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.ok;
  const program = new Command("ssh-session-notifier")
    .description("Tells you when SSH sessions open and close.")
    .version(await versionText(), "--version", "show the version")
    .helpOption("--help", "show this help")
    .helpCommand(false)
    .showHelpAfterError()
    // Throws instead of ending the process. Holds for the commands below, which inherit it.
    .exitOverride();

  program.command("queue")
    .description("Record a session event; run by pam_exec at every login and logout.")
    .option(...STATE_DIR_FLAG)
    .addHelpText("after", QUEUE_HELP)
    // main.ts runs the hook itself, without this file, when it is called as it should be.
    .action((_options, command: Command) => command.error("error: queue takes nothing but --state-dir and <dir>"));

  program.command("send")
    .description("Deliver what is pending; run by a systemd unit or cron.")
    .option("--dry-run", "show what would be sent, and change nothing")
    .option("--verbose", "say on stderr what is done")
    .option(...STATE_DIR_FLAG)
    .option(...CONFIG_FLAG)
    .addHelpText("after", SEND_HELP)
    .action(async ({ dryRun = false, verbose = false, stateDir, config }: SendFlags) => {
      const { send } = await import("./send/send.ts");
      exitCode = await send({ dryRun, verbose, stateDir, configFile: config });
    });

  program.command("check")
    .description("Look whether the installation is right: files, PAM, configuration, scheduler, what waits.")
    .option("--json", "print JSON")
    .addHelpText("after", CHECK_HELP)
    .action(async ({ json = false }: { json?: boolean }) => {
      const { check } = await import("./admin/check.ts");
      exitCode = check({ json });
    });

  program.command("status")
    .description("Show what is pending and why, what was given up, and when the last delivery was.")
    .option("--json", "print JSON")
    .option(...STATE_DIR_FLAG)
    .option(...CONFIG_FLAG)
    .addHelpText("after", STATUS_HELP)
    .action(async ({ json = false, stateDir, config }: StatusFlags) => {
      const { status } = await import("./admin/status.ts");
      exitCode = status({ json, stateDir, configFile: config });
    });

  program.command("retry")
    .description("Bring back what was given up, and try now what waits.")
    .option("--route <name>", "of this route alone")
    .option("--to <name>", "move it to that route; for a route that has gone from the configuration")
    .option(...STATE_DIR_FLAG)
    .option(...CONFIG_FLAG)
    .addHelpText("after", RETRY_HELP)
    .action(async ({ route, to, stateDir, config }: RetryFlags, command: Command) => {
      if (to !== undefined && route === undefined) command.error("error: --to needs --route: what is to be moved");
      const { retry } = await import("./admin/retry.ts");
      exitCode = retry({ route, to, stateDir, configFile: config });
    });

  program.command("test")
    .description("Send a test notification on every route, and show what the services answer.")
    .option(...CONFIG_FLAG)
    .addHelpText("after", TEST_HELP)
    .action(async ({ config }: { config?: string }) => {
      const { testRoutes } = await import("./admin/test_routes.ts");
      exitCode = await testRoutes({ configFile: config });
    });

  program.command("explain")
    .description("Say what would become of a login and why: which rule decides, whether it is unexpected, who is told.")
    .requiredOption("--user <name>", "the account logged in to")
    .option("--ip <address>", "where the login comes from; without it, a login on the machine itself")
    .option("--key <fingerprint>", "the key that it comes with, as ssh-keygen -lf shows it")
    .option("--service <name>", "the PAM service", "sshd")
    .option(...STATE_DIR_FLAG)
    .option(...CONFIG_FLAG)
    .addHelpText("after", EXPLAIN_HELP)
    .action(async ({ config, ...options }: ExplainFlags) => {
      const { explain } = await import("./admin/explain.ts");
      exitCode = explain({ ...options, configFile: config });
    });

  program.command("repair")
    .description("Mend the queue database, while logins happen, where it is damaged.")
    .option("--force", "move it aside though it is not damaged")
    .option(...STATE_DIR_FLAG)
    .addHelpText("after", REPAIR_HELP)
    .action(async ({ force = false, stateDir }: { force?: boolean; stateDir?: string }) => {
      const { repair } = await import("./admin/repair.ts");
      exitCode = await repair({ force, stateDir });
    });

  try {
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  }
}

/** What commander makes of the flags of `send`. */
interface SendFlags {
  readonly dryRun?: boolean;
  readonly verbose?: boolean;
  readonly stateDir?: string;
  readonly config?: string;
}

/** What commander makes of the flags of `explain`. */
interface ExplainFlags {
  readonly user: string;
  readonly ip?: string;
  readonly key?: string;
  readonly service: string;
  readonly stateDir?: string;
  readonly config?: string;
}

/** What commander makes of the flags of `status`. */
interface StatusFlags {
  readonly json?: boolean;
  readonly stateDir?: string;
  readonly config?: string;
}

/** What commander makes of the flags of `retry`. */
interface RetryFlags {
  readonly route?: string;
  readonly to?: string;
  readonly stateDir?: string;
  readonly config?: string;
}

const QUEUE_HELP = `
Reads the environment that pam_exec passes (PAM_TYPE, PAM_USER and so on), and prints nothing.
Exits with 0 if the event is recorded or there is none, with 1 if it is lost.

Example, first of the session lines of /etc/pam.d/sshd:
  session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue`;

const SEND_HELP = `
Waits up to a minute for what is due soon, and ends.
Exits with 0 if nothing is left, with 75 if something is left to retry.

Examples:
  runuser -u ssh-session-notifier -- ssh-session-notifier send --dry-run
  * * * * * ssh-session-notifier /usr/sbin/ssh-session-notifier send     (a line of /etc/cron.d)`;

const CHECK_HELP = `
Prints a line for each thing it looks at: pass, warning or fault, and what to do about it.
Exits with 0 if nothing is at fault, else with 78.

Examples:
  sudo ssh-session-notifier check
  sudo ssh-session-notifier check --json | jq '.findings[] | select(.level == "fault")'`;

const STATUS_HELP = `
Exits with 0 whatever there is to say; \`check\` is the one that judges.

Examples:
  sudo ssh-session-notifier status
  sudo ssh-session-notifier status --json | jq '.routes[] | select(.pending > 0)'`;

const RETRY_HELP = `
Sends nothing by itself: the next run of send does, within a minute.

Examples:
  sudo ssh-session-notifier retry
  sudo ssh-session-notifier retry --route oncall
  sudo ssh-session-notifier retry --route old --to oncall`;

const TEST_HELP = `
Exits with 0 if all were delivered, with 75 if a service can't be reached now, with 78 if a route needs a mend.

Example:
  sudo ssh-session-notifier test`;

const EXPLAIN_HELP = `
Looks at the configuration and at who has logged in before, and changes nothing.

Examples:
  sudo ssh-session-notifier explain --user alice --ip 203.0.113.7
  sudo ssh-session-notifier explain --user backup --ip 198.51.100.4 --key "$(ssh-keygen -lf key.pub | cut -d' ' -f2)"`;

const REPAIR_HELP = `
Looks whether queue can use its database, and puts right what it can. A damaged database is moved into a folder beside
it, and send takes over what can be read of it. Nothing that happens meanwhile is lost: it goes to the spool.
Exits with 0 if queue can write again, with 75 if the disk is full or the database is locked.

Example:
  sudo ssh-session-notifier repair`;

/** The version, the runtime, and where the runtime's stub is from, if it is not Deno's own. */
async function versionText(): Promise<string> {
  const { deno, v8 } = Deno.version;
  const stub = Deno.build.standalone ? await stubOrigin() : undefined;
  const warning = stub === undefined ? "" : `; for testing only: its runtime stub is from ${stub}`;
  return `ssh-session-notifier ${config.version} (Deno ${deno}, V8 ${v8})${warning}`;
}

/** What tests/helpers/compile.ts put into the binary, where Deno's download site could not be reached. */
async function stubOrigin(): Promise<string | undefined> {
  try {
    const stub = await import(new URL("../dist/stub.json", import.meta.url).href, { with: { type: "json" } });
    return String(stub.default.origin);
  } catch {
    return undefined;
  }
}
