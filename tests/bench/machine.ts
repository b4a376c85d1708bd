// What the figures were measured on: no figure means anything without it. Names no host and no path.

import { compiledBinary } from "../helpers/compile.ts";

/** The machine, the runtimes and the day, as one line. */
export async function describeMachine(): Promise<string> {
  const system = `${distributionIn(await textOf("/etc/os-release"))}, Linux ${versionIn(Deno.osRelease())}`;
  const { cpu, cores } = processorIn(await textOf("/proc/cpuinfo"));
  const day = new Date().toISOString().slice(0, 10);
  return `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}; ${system}; ${await runtimeVersion()}; ${day}`;
}

/** The processor, as /proc/cpuinfo (proc(5)) has it; other architectures than x86 don't name it. */
export function processorIn(cpuinfo: string): { readonly cpu: string; readonly cores: number } {
  const name = /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1]?.replace(/\s+/g, " ").trim();
  const cores = cpuinfo.match(/^processor\s*:/gm)?.length ?? navigator.hardwareConcurrency;
  return { cpu: name ?? Deno.build.arch, cores };
}

/** The name of the distribution in an os-release(5) file. */
export function distributionIn(osRelease: string): string {
  return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(osRelease)?.[1] ?? "Linux";
}

/** A version, without what a distribution or a builder has added to it. */
export function versionIn(text: string): string {
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? text;
}

/** The runtime of the program that is measured, which need not be the one that measures. */
async function runtimeVersion(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command(await compiledBinary(), { args: ["--version"] }).output();
    const [, version = "of unknown version"] = /\(Deno ([\d.]+)/.exec(new TextDecoder().decode(stdout)) ?? [];
    return `compiled with Deno ${version}`;
  } catch {
    // What could be measured without it must not be lost.
    return "not compiled";
  }
}

async function textOf(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch(() => "");
}
