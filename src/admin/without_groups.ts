// Root's supplementary groups open files too, and would stay when a command becomes another user: Deno has no
// setgroups(2). A child that is given a user starts without any, so the command runs once more, as that.

import { ExitCode, Failure, messageOf } from "../failure.ts";
import { BINARY } from "../paths.ts";

/** Tells the child that it is one, so that it starts no other, whatever groups it has. */
const MARK = "SSH_SESSION_NOTIFIER_WITHOUT_GROUPS";

/** The signals that end a command; the terminal sends the first to the child as well. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs the whole command in a child without groups, if this is root with groups.
 *
 * @param args those of this process
 * @returns the exit code of the child; undefined where this process is to go on by itself
 */
export async function runWithoutGroups(args: readonly string[]): Promise<number | undefined> {
  const needsChild = Deno.build.standalone && Deno.execPath() === BINARY && Deno.uid() === 0 && groups().length > 0 &&
    !Deno.env.has(MARK);
  const child = needsChild ? start(args) : undefined;
  Deno.permissions.revokeSync({ name: "run" });
  if (child === undefined) return undefined;
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => pass(signal, child));
  return (await child.status).code;
}

function start(args: readonly string[]): Deno.ChildProcess {
  // Under a permission to run one program, Deno starts none with the loader's variables.
  const environment = Object.entries(Deno.env.toObject()).filter(([name]) => !/^(?:LD|DYLD)_/.test(name));
  const env = { ...Object.fromEntries(environment), [MARK]: "1" };
  const stdio = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  try {
    return new Deno.Command(BINARY, { args: [...args], uid: 0, gid: 0, clearEnv: true, env, ...stdio }).spawn();
  } catch (cause) {
    throw new Failure(`Cannot run without the groups of root: ${messageOf(cause)}`, {
      exitCode: ExitCode.noPermission,
      mend: `setpriv --clear-groups ${BINARY} ${args[0] ?? ""}`,
      cause,
    });
  }
}

function pass(signal: Deno.Signal, child: Deno.ChildProcess): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended.
  }
}

/**
 * Refuses to go on where this is root with groups. To be called before root is given up.
 *
 * @param command the name of the command, for the hint
 * @throws {Failure} where there are any
 */
export function refuseGroups(command: string): void {
  if (Deno.uid() !== 0 || groups().length === 0) return;
  throw new Failure(`Cannot become another user, as root's groups (${groups().join(", ")}) would stay`, {
    exitCode: ExitCode.noPermission,
    mend: `setpriv --clear-groups ${Deno.build.standalone ? Deno.execPath() : "ssh-session-notifier"} ${command}`,
  });
}

function groups(): readonly number[] {
  return globalThis.process.getgroups?.() ?? [];
}
