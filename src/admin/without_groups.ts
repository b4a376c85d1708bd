// Supplementary groups of root also give access to files, and would stay when a command becomes another user: Deno has
// no setgroups(2). A child process that is started with a uid has no such groups, so the command runs again as that.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { BINARY } from "../paths.ts";

/** Marks the child, so that it starts no other one, whatever groups it has. */
const MARK = "SSH_SESSION_NOTIFIER_WITHOUT_GROUPS";

/** The signals that end a command; the terminal sends the first to the child as well. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * If this is root with supplementary groups, runs the whole command in a child without them.
 *
 * @param args those of this process
 * @returns the exit code of the child; undefined if this process is to run the command itself
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
  // Without permission to run any program, Deno refuses to pass the loader's variables on.
  const environment = Object.entries(Deno.env.toObject()).filter(([name]) => !/^(?:LD|DYLD)_/.test(name));
  const env = { ...Object.fromEntries(environment), [MARK]: "1" };
  const stdio = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  try {
    return new Deno.Command(BINARY, { args: [...args], uid: 0, gid: 0, clearEnv: true, env, ...stdio }).spawn();
  } catch (cause) {
    throw new Failure(`Cannot run without the groups of root: ${messageOf(cause)}`, {
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
    // It has ended already.
  }
}

/**
 * Refuses to go on if this is root with groups. To be called before root is given up.
 *
 * @param command the name of the command, for the hint
 * @throws {Failure} if there are any
 */
export function refuseGroups(command: string): void {
  if (Deno.uid() !== 0 || groups().length === 0) return;
  throw new Failure(`Cannot become another user: the groups of root (${groups().join(", ")}) would stay`, {
    code: "command.has-groups",
    exitCode: ExitCode.noPermission,
    hint: `setpriv --clear-groups ${Deno.build.standalone ? Deno.execPath() : "ssh-session-notifier"} ${command}`,
  });
}

function groups(): readonly number[] {
  return globalThis.process.getgroups?.() ?? [];
}
