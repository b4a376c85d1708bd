// Runs a command again in a child process without root's supplementary groups. The groups give access to files and
// would remain when the command becomes another user: Deno has no setgroups(2). A child started with a uid has none.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { BINARY } from "../paths.ts";

/** Marks the child, so it never starts another one, even if it has groups. */
const MARK = "SSH_SESSION_NOTIFIER_WITHOUT_GROUPS";

/** The signals that end a command. A terminal also sends SIGINT to the child itself. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * If this is root with supplementary groups, runs the whole command in a child without them.
 *
 * @param args the arguments of this process
 * @returns the exit code of the child; undefined if this process must run the command itself
 */
export async function runWithoutGroups(args: readonly string[]): Promise<number | undefined> {
  const needsChild = Deno.build.standalone && Deno.execPath() === BINARY && Deno.uid() === 0 && groups().length > 0 &&
    !Deno.env.has(MARK);
  const child = needsChild ? start(args) : undefined;
  Deno.permissions.revokeSync({ name: "run", command: BINARY });
  if (child === undefined) return undefined;
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => pass(signal, child));
  return (await child.status).code;
}

function start(args: readonly string[]): Deno.ChildProcess {
  // Deno refuses to pass the loader's variables on unless it may run any program.
  const environment = Object.entries(Deno.env.toObject()).filter(([name]) => !/^(?:LD|DYLD)_/.test(name));
  const env = { ...Object.fromEntries(environment), [MARK]: "1" };
  const stdio = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  try {
    return new Deno.Command(BINARY, { args: [...args], uid: 0, gid: 0, clearEnv: true, env, ...stdio }).spawn();
  } catch (cause) {
    throw new Failure(`Cannot start without the supplementary groups of root: ${messageOf(cause)}`, {
      code: "command.keeps-groups",
      exitCode: ExitCode.noPermission,
      hint: `setpriv --clear-groups ${BINARY} ${args[0] ?? ""}`,
      cause,
    });
  }
}

function pass(signal: Deno.Signal, child: Deno.ChildProcess): void {
  try {
    child.kill(signal);
  } catch {
    // The child has already ended.
  }
}

/**
 * Fails if this is root with supplementary groups. Must be called before this process gives up root.
 *
 * @param command the name of the command, for the hint
 * @throws {Failure} if there are such groups
 */
export function refuseGroups(command: string): void {
  if (Deno.uid() !== 0 || groups().length === 0) return;
  throw new Failure(
    `Cannot become another user: the supplementary groups of root (${groups().join(", ")}) would remain`,
    {
      code: "command.has-groups",
      exitCode: ExitCode.noPermission,
      hint: `setpriv --clear-groups ${Deno.build.standalone ? Deno.execPath() : "ssh-session-notifier"} ${command}`,
    },
  );
}

function groups(): readonly number[] {
  return globalThis.process.getgroups?.() ?? [];
}
