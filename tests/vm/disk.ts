// The disk of a virtual machine: a copy of the image, and the installer on a second one.

import { executeOrThrow } from "../../.ci/checkout.ts";
import { unpackInstaller } from "../helpers/install.ts";
import { type Image, image } from "./image.ts";

/** The disk and its parts, which remain while the machine is off. */
export class Disk implements AsyncDisposable {
  readonly directory: string;
  readonly image: Image;

  private constructor(directory: string, image: Image) {
    this.directory = directory;
    this.image = image;
  }

  /** A new disk with a fresh Debian, and a second one with the installer. */
  static async create(): Promise<Disk> {
    const built = await image();
    const disk = new Disk(await Deno.makeTempDir({ prefix: "ssh-session-notifier-vm." }), built);
    await executeOrThrow(["cp", "--sparse=always", disk.image.disk, disk.path]);
    // A block device that tar reads: faster than the network of an emulated machine.
    const payload = `${disk.directory}/payload`;
    await unpackInstaller(payload);
    await executeOrThrow(["tar", "--create", `--file=${disk.directory}/payload.tar`, `--directory=${payload}`, "."]);
    await Deno.remove(payload, { recursive: true });
    return disk;
  }

  get path(): string {
    return `${this.directory}/disk.img`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}
