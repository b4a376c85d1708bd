// Serves a disk to qemu over a Unix socket. Implements the part of the NBD protocol (doc/proto.md of
// NetworkBlockDevice/nbd) that qemu's client needs.

import type { VolatileDisk } from "./volatile_disk.ts";

const MAGIC = 0x4e42444d41474943n; // NBDMAGIC
const OPTION_MAGIC = 0x49484156454f5054n; // IHAVEOPT
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;
const OPTION = { abort: 2, info: 6, go: 7 } as const;
const REPLY = { ack: 1, info: 3, unsupported: 0x8000_0001 } as const;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
/** NBD_FLAG_HAS_FLAGS and NBD_FLAG_SEND_FLUSH. */
const EXPORT_FLAGS = 0b101;
const INVALID = 22;

/** Serves one client until it disconnects, one request at a time. */
export async function serveDisk(listener: Deno.Listener, disk: VolatileDisk): Promise<void> {
  using connection = await listener.accept();
  const stream = new Exact(connection);
  try {
    if (await negotiate(stream, disk.size)) await transmit(stream, disk);
  } catch (error) {
    // The machine was killed.
    if (
      !(error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.BrokenPipe ||
        error instanceof Deno.errors.ConnectionReset)
    ) throw error;
  }
}

async function negotiate(stream: Exact, size: number): Promise<boolean> {
  // NBD_FLAG_FIXED_NEWSTYLE and NBD_FLAG_NO_ZEROES.
  await stream.write(fields(18, (view) => {
    view.setBigUint64(0, MAGIC);
    view.setBigUint64(8, OPTION_MAGIC);
    view.setUint16(16, 0b11);
  }));
  await stream.read(4);
  for (;;) {
    const header = view(await stream.read(16));
    const option = header.getUint32(8);
    await stream.read(header.getUint32(12));
    if (option === OPTION.go || option === OPTION.info) {
      const information = fields(12, (view) => {
        view.setBigUint64(2, BigInt(size));
        view.setUint16(10, EXPORT_FLAGS);
      });
      await stream.write(optionReply(option, REPLY.info, information));
      await stream.write(optionReply(option, REPLY.ack));
      if (option === OPTION.go) return true;
    } else {
      await stream.write(optionReply(option, option === OPTION.abort ? REPLY.ack : REPLY.unsupported));
      if (option === OPTION.abort) return false;
    }
  }
}

async function transmit(stream: Exact, disk: VolatileDisk): Promise<void> {
  for (;;) {
    const request = view(await stream.read(28));
    if (request.getUint32(0) !== REQUEST_MAGIC) throw new Error("Not an NBD request");
    const command = request.getUint16(6);
    const [offset, length] = [Number(request.getBigUint64(16)), request.getUint32(24)];
    if (command === COMMAND.disconnect) return;
    const written = command === COMMAND.write ? await stream.read(length) : undefined;
    if (written !== undefined) disk.write(offset, written);
    if (disk.hasFailed) return;
    if (command === COMMAND.flush) disk.flush();
    const read = command === COMMAND.read ? disk.read(offset, length) : new Uint8Array();
    await stream.write(fields(16 + read.length, (view, bytes) => {
      view.setUint32(0, REPLY_MAGIC);
      view.setUint32(4, command > COMMAND.flush ? INVALID : 0);
      view.setBigUint64(8, request.getBigUint64(8));
      bytes.set(read, 16);
    }));
  }
}

function optionReply(option: number, type: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  return fields(20 + data.length, (view, bytes) => {
    view.setBigUint64(0, OPTION_REPLY_MAGIC);
    view.setUint32(8, option);
    view.setUint32(12, type);
    view.setUint32(16, data.length);
    bytes.set(data, 20);
  });
}

function fields(length: number, fill: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  fill(new DataView(bytes.buffer), bytes);
  return bytes;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads and writes complete messages. */
class Exact {
  readonly #connection: Deno.Conn;

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  async read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const count = await this.#connection.read(bytes.subarray(at));
      if (count === null) throw new Deno.errors.UnexpectedEof();
      at += count;
    }
    return bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }
}
