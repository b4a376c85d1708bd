// A disk with a cache that a power cut clears: each write since the last flush is then on the disk or not, in any
// combination. Just killing qemu would lose nothing, because the host's page cache survives it.

/** A write may be torn into pieces of this size, in bytes. Real disks write sectors of 512 or 4,096 bytes as a whole. */
const PIECE = 4096;

interface Write {
  readonly offset: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** A disk in a file. Calls must not overlap. */
export class VolatileDisk implements Disposable {
  readonly #file: Deno.FsFile;
  readonly size: number;
  /** The writes since the last flush, oldest first. */
  #unflushed: Write[] = [];
  #writesLeft = Infinity;
  #fail = () => {};

  /** @param path the image, which contains the flushed writes */
  constructor(path: string) {
    this.#file = Deno.openSync(path, { read: true, write: true });
    this.size = this.#file.statSync().size;
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < length;) {
      const count = this.#file.readSync(bytes.subarray(at));
      if (count === null) throw new Error(`Cannot read ${length} bytes at ${offset} of ${this.size}`);
      at += count;
    }
    return bytes;
  }

  /** Whether the failure of {@linkcode VolatileDisk.failAfterWrites} has occurred. Then only the cut may be called. */
  get hasFailed(): boolean {
    return this.#writesLeft <= 0;
  }

  /** Fails at the last of this many writes, so that a cut hits a busy disk. Resolves when it has failed. */
  async failAfterWrites(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#writesLeft = count;
      this.#fail = resolve;
    });
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const after = bytes.slice(at, at + PIECE);
      this.#unflushed.push({ offset: offset + at, before: this.read(offset + at, after.length), after });
      this.#put(offset + at, after);
    }
    if (--this.#writesLeft === 0) this.#fail();
  }

  /** Makes all writes durable. */
  flush(): void {
    this.#unflushed = [];
  }

  /**
   * Cuts the power. Loses at least one unflushed piece, because if all had reached the disk, nothing would be tested. A
   * newer piece at the same place may be kept.
   *
   * @param random decides which unflushed pieces reached the disk; returns a number from 0 to 1
   * @returns how many pieces were lost
   */
  cut(random: () => number): number {
    for (const { offset, before } of this.#unflushed.toReversed()) this.#put(offset, before);
    const lostForSure = Math.floor(random() * this.#unflushed.length);
    const kept = this.#unflushed.filter((_, index) => random() < 0.5 && index !== lostForSure);
    // A disk may reorder writes, but an older write never replaces a newer one at the same place.
    for (const { offset, after } of kept) this.#put(offset, after);
    const lost = this.#unflushed.length - kept.length;
    this.#unflushed = [];
    return lost;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #put(offset: number, bytes: Uint8Array): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }
}
