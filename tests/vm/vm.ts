// A virtual machine: a complete Debian with its own kernel, systemd and SELinux, emulated by qemu without hardware support.
// It has no network but to the test, and ends with the test.

import type { Finished } from "../helpers/host.ts";
import type { Disk } from "./disk.ts";
import { serveDisk } from "./nbd.ts";
import { VolatileDisk } from "./volatile_disk.ts";

/** Timeout of a boot and the like, in milliseconds: many times as long as on an idle host. */
const BOOT_MS = 600_000;
/** The ports of the machine's address that lead to its two SSH servers. */
const LOGIN_PORT = 2022;
const CONTROL_PORT = 2023;
/** What the machine prints to its console at each boot when it is ready for commands. */
const IS_UP = "the network is up";
/** Path of the checkout's installer and the binary in the machine. */
export const INSTALLER = "/root/ssh-session-notifier";

export interface BootOptions {
  /** Additional kernel parameters. */
  readonly append?: string;
  /** The machine's clock at boot, such as "2040-01-01". Default: the correct time. */
  readonly clock?: string;
  /** Whether {@linkcode Vm.cutPower} loses unflushed writes. */
  readonly isVolatile?: boolean;
}

/** A running machine. */
export class Vm implements AsyncDisposable {
  readonly #disk: Disk;
  readonly #qemu: Deno.ChildProcess;
  /** A loopback address of its own, so that its ports are free. */
  readonly #address = `127.${
    Array.from(crypto.getRandomValues(new Uint8Array(3)), (byte) => byte % 254 + 1).join(".")
  }`;
  readonly #volatile: Served | undefined;
  #hasEnded = false;
  #isServed = false;

  private constructor(disk: Disk, options: BootOptions) {
    this.#disk = disk;
    this.#volatile = options.isVolatile ? serve(disk) : undefined;
    this.#qemu = new Deno.Command("setpriv", {
      args: ["--pdeathsig=KILL", "qemu-system-x86_64", ...qemuArguments(disk, { ...options, address: this.#address })],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#qemu.status.then(() => this.#hasEnded = true);
  }

  /** Starts a machine, and waits until it is ready for commands. */
  static async boot(disk: Disk, options: BootOptions = {}): Promise<Vm> {
    const vm = new Vm(disk, options);
    try {
      await vm.#up(1);
      return vm;
    } catch (error) {
      await vm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a shell script as root, without a PAM session. */
  async run(script: string, options: { readonly timeoutMs?: number } = {}): Promise<Finished> {
    return await this.#ssh([`root@${this.#address}`, script], { port: CONTROL_PORT, ...options });
  }

  /** Runs a shell script that must succeed, as root. Returns its output. */
  async shell(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(script);
    if (code !== 0) throw new Error(`Script "${script}" exited ${code}: ${stdout}${stderr}${await this.serialLog()}`);
    return stdout;
  }

  /** Logs in through PAM, runs a command, and logs out. */
  async login(
    user: string,
    { command = "echo in the session", timeoutMs }: { readonly command?: string; readonly timeoutMs?: number } = {},
  ): Promise<Finished> {
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return await this.#ssh([`${user}@${this.#address}`, command], { port: LOGIN_PORT, ...options });
  }

  /** Waits until a condition holds. */
  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    const deadlineMs = performance.now() + BOOT_MS;
    while (!await condition()) {
      const hasEnded = this.#hasEnded && !await condition();
      if (hasEnded || performance.now() > deadlineMs) {
        throw new Error(
          `${hasEnded ? "The machine has ended before" : "It did not happen"}: ${what}${await this.serialLog()}`,
        );
      }
      await sleep(200);
    }
  }

  /** Unpacks the installer and the binary, and runs the installer. */
  async install(...flags: string[]): Promise<Finished> {
    await this.shell(`mkdir -p ${INSTALLER} && tar -xf /dev/vdb -C ${INSTALLER} --no-same-owner`);
    return await this.run(`cd ${INSTALLER} && ./install.sh ${flags.join(" ")} 2>&1`, { timeoutMs: 2 * BOOT_MS });
  }

  /** Reboots as an administrator does, and waits until it is ready for commands. */
  async reboot(): Promise<void> {
    const boots = await this.#boots();
    await this.run("systemctl reboot");
    await this.#up(boots + 1);
  }

  /** Shuts down as an administrator does. */
  async powerOff(): Promise<void> {
    await this.run("systemctl poweroff");
    await this.until(() => Promise.resolve(this.#hasEnded), "poweroff");
  }

  /**
   * Ends the machine as a power cut does, during a disk write. Fails if nothing writes to the disk.
   *
   * @param random decides which write is the last one, and which unflushed writes reached the disk
   * @returns how many unflushed pieces were lost
   */
  async cutPower(random: () => number): Promise<number> {
    if (this.#volatile === undefined) throw new Error("Its disk is not volatile");
    const { disk } = this.#volatile;
    // Ends it at once: a system that saw an I/O error would record a login in memory.
    const failed = disk.failAfterWrites(1 + Math.floor(random() * 20));
    await Promise.race([failed, this.until(() => Promise.resolve(disk.hasFailed), "disk writes")]);
    await this.#end();
    return disk.cut(random);
  }

  /** The end of the console output, for the message of a failure. */
  async serialLog(): Promise<string> {
    return `\n--- the end of the machine's console ---\n${(await this.#serial()).split("\n").slice(-40).join("\n")}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    this.#volatile?.disk[Symbol.dispose]();
  }

  async #end(): Promise<void> {
    if (!this.#hasEnded) this.#qemu.kill("SIGKILL");
    await this.#qemu.status;
    if (this.#volatile === undefined || this.#isServed) return;
    this.#isServed = true;
    // qemu may have ended without a connection.
    this.#volatile.listener.close();
    await this.#volatile.served.catch((error) => {
      if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted)) throw error;
    });
  }

  /** Waits until it has booted this many times and is ready for commands. */
  async #up(boots: number): Promise<void> {
    await this.until(async () => await this.#boots() >= boots, "boot");
    await this.until(async () => (await this.run("true", { timeoutMs: 20_000 })).code === 0, "taking orders");
  }

  async #boots(): Promise<number> {
    return (await this.#serial()).split(IS_UP).length - 1;
  }

  async #serial(): Promise<string> {
    return await Deno.readTextFile(`${this.#disk.directory}/serial.log`).catch(() => "");
  }

  async #ssh(
    command: readonly string[],
    { port, timeoutMs = BOOT_MS }: { readonly port: number; readonly timeoutMs?: number },
  ): Promise<Finished> {
    const { key, knownHosts } = this.#disk.image;
    const options = [`Port=${port}`, `IdentityFile=${key}`, "IdentitiesOnly=yes", "IdentityAgent=none", "BatchMode=yes"]
      .concat("HostKeyAlias=vm", `UserKnownHostsFile=${knownHosts}`, "UpdateHostKeys=no", "ConnectTimeout=60");
    const startedAtMs = performance.now();
    const { code, stdout, stderr } = await new Deno.Command("timeout", {
      args: [`${timeoutMs / 1000}`, "ssh", "-F", "none", ...options.map((option) => `-o${option}`), ...command],
      stdin: "null",
    }).output();
    const [out = "", err = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, stdout: out, stderr: err, elapsedMs: performance.now() - startedAtMs };
  }
}

function qemuArguments(
  disk: Disk,
  { address, append = "", clock, isVolatile }: BootOptions & { readonly address: string },
): string[] {
  const forward = (port: number, inside: string) => `hostfwd=tcp:${address}:${port}-${inside}:22`;
  const file = isVolatile ? `nbd+unix:///?socket=${socketOf(disk)}` : disk.path;
  return [
    // One processor of an old model: a second one takes 30 % more of the host's time, and the newest model 15 % more.
    ...["-accel", "tcg", "-cpu", "Nehalem", "-smp", "1", "-m", "1024", "-display", "none"],
    ...["-kernel", disk.image.kernel, "-initrd", disk.image.initrd],
    // net.ifnames: the image names its network device eth0.
    ...["-append", `root=/dev/vda rw console=ttyS0 net.ifnames=0 panic=5 ${append}`],
    ...["-drive", `file=${file},format=raw,if=virtio,cache=writeback`],
    ...["-drive", `file=${disk.directory}/payload.tar,format=raw,if=virtio,readonly=on`],
    ...["-netdev", `user,id=n,restrict=on,${forward(LOGIN_PORT, "10.0.2.15")},${forward(CONTROL_PORT, "10.0.2.16")}`],
    ...["-device", "virtio-net-pci,netdev=n", "-serial", `file:${disk.directory}/serial.log`],
    ...clock === undefined ? [] : ["-rtc", `base=${clock}`],
  ];
}

function socketOf(disk: Disk): string {
  return `${disk.directory}/disk.sock`;
}

interface Served {
  readonly disk: VolatileDisk;
  readonly listener: Deno.Listener;
  readonly served: Promise<void>;
}

function serve(disk: Disk): Served {
  const listener = Deno.listen({ transport: "unix", path: socketOf(disk) });
  const volatile = new VolatileDisk(disk.path);
  return { disk: volatile, listener, served: serveDisk(listener, volatile) };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
