// A disk with a cache that a power cut empties: each write since the last flush is then either on the disk or not, in any
// combination. Killing qemu alone would lose nothing, since the host's page cache survives it.

/** Into pieces of this many bytes a write may tear. Real disks promise whole sectors of 512 or 4,096. */
const PIECE = 4096;

interface Write {
  readonly offset: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** A file as a disk. Calls must not overlap. */
export class VolatileDisk implements Disposable {
  readonly #file: Deno.FsFile;
  readonly size: number;
  /** Since the last flush, oldest first. */
  #unflushed: Write[] = [];
  #writesLeft = Infinity;
  #fail = () => {};

  /** @param path the image; what is flushed is there */
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

  /** Whether {@linkcode VolatileDisk.failAfterWrites} has come true. Nobody must use it then, but for its cut. */
  get hasFailed(): boolean {
    return this.#writesLeft <= 0;
  }

  /** Fails with the last of so many more writes: a cut then hits the disk at work. Resolves when that has happened. */
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

  /** After this, what was written is safe. */
  flush(): void {
    this.#unflushed = [];
  }

  /**
   * Cuts the power.
   *
   * @param random decides which unflushed pieces had reached the disk, from 0 to 1 each
   * @returns how many were lost
   */
  cut(random: () => number): number {
    for (const { offset, before } of this.#unflushed.toReversed()) this.#put(offset, before);
    const kept = this.#unflushed.filter(() => random() < 0.5);
    // A disk may reorder, but never keeps an older write to a place over a newer one.
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
