// promtool, Prometheus's own checker, from Debian's package. Only this file of the package is used: installing it would
// also start a server.

import { CACHE, isFile, makeWhole, MUST_RUN } from "../../.ci/checkout.ts";
import { isInstalled } from "./command_line.ts";

const CACHED = `${CACHE}/promtool`;

/** The path of promtool; undefined if this machine cannot have it. In CI, that is an error. */
export const PROMTOOL: string | undefined = await findPromtool();

async function findPromtool(): Promise<string | undefined> {
  if (await isInstalled("promtool")) return "promtool";
  if (await isFile(CACHED)) return CACHED;
  try {
    await Deno.mkdir(CACHE, { recursive: true });
    await makeWhole(CACHED, takeFromPackage);
    return CACHED;
  } catch (error) {
    if (MUST_RUN) throw error;
    return undefined;
  }
}

async function takeFromPackage(path: string): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "promtool-" });
  const script = `
    apt-get download --quiet prometheus >&2
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract --to-stdout ./usr/bin/promtool >"$0"
    chmod 0755 "$0"`;
  try {
    const { success, stderr } = await new Deno.Command("sh", { args: ["-euc", script, path], cwd: directory }).output();
    if (!success) throw new Error(`Cannot get promtool: ${new TextDecoder().decode(stderr)}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
