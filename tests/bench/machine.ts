// Describes the machine of the measurements, without the name of a host or a path.

import { compiledBinary } from "../../.ci/compile.ts";

/** The machine, the runtimes and the day, as one line. */
export async function describeMachine(): Promise<string> {
  const system = `${distributionIn(await textOf("/etc/os-release"))}, Linux ${versionIn(Deno.osRelease())}`;
  const { cpu, cores } = processorIn(await textOf("/proc/cpuinfo"));
  const day = new Date().toISOString().slice(0, 10);
  return `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}; ${system}; ${await runtimeVersion()}; ${day}`;
}

/** The processor in /proc/cpuinfo (proc(5)). Only x86 names it. */
export function processorIn(cpuinfo: string): { readonly cpu: string; readonly cores: number } {
  const name = /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1]?.replace(/\s+/g, " ").trim();
  const cores = cpuinfo.match(/^processor\s*:/gm)?.length ?? navigator.hardwareConcurrency;
  return { cpu: name ?? Deno.build.arch, cores };
}

/** The name of the distribution in an os-release(5) file. */
export function distributionIn(osRelease: string): string {
  return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(osRelease)?.[1] ?? "Linux";
}

/** A version, without the suffix of a distribution or builder. */
export function versionIn(text: string): string {
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? text;
}

/** The runtime of the measured program, which may differ from that of the bench. */
async function runtimeVersion(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command(await compiledBinary(), { args: ["--version"] }).output();
    const [, version = "of unknown version"] = /\(Deno ([\d.]+)/.exec(new TextDecoder().decode(stdout)) ?? [];
    return `compiled with Deno ${version}`;
  } catch {
    // Keep the measurements that do not need it.
    return "not compiled";
  }
}

async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(() => "");
}
