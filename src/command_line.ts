// The command line of every command but the bare `queue`: what can be said, the help, and what is started.

import { object, or } from "@optique/core/constructs";
import { commandLine, message, text } from "@optique/core/message";
import { optional } from "@optique/core/modifiers";
import { command, constant, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import { run } from "@optique/run";
import config from "../deno.json" with { type: "json" };
import { ExitCode } from "./failure.ts";
import { CONFIG_FILE, STATE_DIR } from "./paths.ts";

const stateDir = optional(option("--state-dir", string({ metavar: "DIR" }), {
  description: message`In place of ${text(STATE_DIR)}; for trying things out.`,
}));

const parser = or(
  command("queue", object({ command: constant("queue"), stateDir }), {
    brief: message`Record a session event. Run by pam_exec at every login and logout.`,
    description: message`Records the session event that pam_exec describes in the environment (PAM_TYPE, PAM_USER and so
on), and prints nothing. The line for /etc/pam.d/sshd, first in the session stack: ${
      commandLine("session optional pam_exec.so quiet /usr/sbin/ssh-session-notifier queue")
    }`,
  }),
  command(
    "send",
    object({
      command: constant("send"),
      dryRun: option("--dry-run", {
        description: message`Show what would be sent, and change nothing.`,
      }),
      verbose: option("--verbose", {
        description: message`Say on stderr what is done.`,
      }),
      stateDir,
      configFile: optional(option("--config", string({ metavar: "FILE" }), {
        description: message`In place of ${text(CONFIG_FILE)}; for trying things out.`,
      })),
    }),
    {
      brief: message`Deliver what is pending. Run by a systemd unit or cron.`,
      description:
        message`Delivers what is pending, waits up to a minute for what is due soon, and ends. Exits with 0 if
nothing is left, with 75 if something is left to retry. Examples: ${
          commandLine("runuser -u ssh-session-notifier -- ssh-session-notifier send --dry-run")
        } shows what is pending; ${
          commandLine("* * * * * ssh-session-notifier /usr/sbin/ssh-session-notifier send")
        } is a line for /etc/cron.d.`,
    },
  ),
);

/**
 * Runs what the arguments say. Help, version, and usage errors end the process by themselves.
 *
 * @returns the exit code
 */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  const options = run(parser, {
    args: args.length === 0 ? ["--help"] : args,
    programName: "ssh-session-notifier",
    brief: message`Tells you when SSH sessions open and close.`,
    help: "option",
    version: { value: await versionText(), option: true },
    aboveError: "usage",
    errorExitCode: ExitCode.usage,
    termWidth: "auto",
  });
  if (options.command === "queue") return ExitCode.ok;
  const { send } = await import("./send/send.ts");
  return await send(options);
}

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
