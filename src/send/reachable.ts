// Connects to a host with several addresses, by one that accepts connections. Only connections are tried at several
// addresses: a request is sent over one, so that nothing is delivered twice.

import type { Address } from "./exchange.ts";

/** How long to wait for an address before the next one is tried as well, in milliseconds (RFC 8305, section 5). */
const HEAD_START_MS = 250;

/** An address that neither accepts nor refuses a connection within this time is silent, in milliseconds. */
const SILENT_AFTER_MS = 2_000;

/** A connection, and its address. */
export interface Connected {
  readonly connection: Deno.TcpConn;
  readonly address: Address;
}

/** The addresses of the hosts that have several. */
export class Reachable {
  readonly #addresses: Map<string, readonly Address[]>;
  /** Whether `fetch` may get stuck at an address of a host; determined before the first request. */
  readonly #needsChoice = new Map<string, Promise<boolean>>();

  constructor(addresses: ReadonlyMap<string, readonly Address[]>) {
    this.#addresses = new Map(addresses);
  }

  /**
   * Whether the address for a request must be chosen here: one of several is silent, or {@link fetchFailed}. Otherwise
   * `fetch` connects by name, even if an address refuses, and reuses its connections.
   */
  async needsChoice(host: string, signal: AbortSignal): Promise<boolean> {
    const addresses = this.#addresses.get(host);
    if (addresses === undefined) return false;
    const needed = this.#needsChoice.get(host) ?? anyIsSilent(addresses, signal);
    this.#needsChoice.set(host, needed);
    return await needed;
  }

  /** A request by name has failed: from now on an address is chosen, and the one that `fetch` tries first comes last. */
  fetchFailed(host: string): void {
    const [first] = this.#addresses.get(host) ?? [];
    if (first === undefined) return;
    this.#needsChoice.set(host, Promise.resolve(true));
    this.failed(host, first);
  }

  /**
   * Connects by the first address that accepts a connection; that one is tried first from then on.
   *
   * @throws the error of the first address, if none accepts a connection before the signal
   */
  async connect(host: string, signal: AbortSignal): Promise<Connected> {
    const connected = await firstToConnect(this.#addresses.get(host) ?? [], signal);
    this.#addresses.set(host, [connected.address, ...this.#except(host, connected.address)]);
    return connected;
  }

  /** Puts an address last, since a request through it has failed: it may accept connections and do nothing else. */
  failed(host: string, address: Address): void {
    this.#addresses.set(host, [...this.#except(host, address), address]);
  }

  #except(host: string, address: Address): readonly Address[] {
    return this.#addresses.get(host)?.filter(({ hostname }) => hostname !== address.hostname) ?? [];
  }
}

async function anyIsSilent(addresses: readonly Address[], signal: AbortSignal): Promise<boolean> {
  const answers = addresses.map(async (address) => {
    const tooLong = AbortSignal.any([signal, AbortSignal.timeout(SILENT_AFTER_MS)]);
    try {
      (await Deno.connect({ ...address, signal: tooLong })).close();
      return true;
    } catch {
      // Refused at once, unless it took too long.
      return !tooLong.aborted;
    }
  });
  return (await Promise.all(answers)).includes(false);
}

async function firstToConnect(addresses: readonly Address[], signal: AbortSignal): Promise<Connected> {
  const attempts = addresses.map((address) => ({ address, stop: new AbortController() }));
  const stopAll = () => attempts.forEach(({ stop }) => stop.abort(signal.reason));
  signal.addEventListener("abort", stopAll, { once: true });
  let winner: Deno.TcpConn | undefined;
  try {
    return await Promise.any(attempts.map(async ({ address, stop }, index) => {
      await pause(index * HEAD_START_MS, stop.signal);
      const connection = await Deno.connect({ ...address, signal: stop.signal });
      if (winner !== undefined) {
        connection.close();
        throw new Error("another address was faster");
      }
      winner = connection;
      for (const other of attempts) if (other.stop !== stop) other.stop.abort();
      return { connection, address };
    }));
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    signal.removeEventListener("abort", stopAll);
  }
}

/** Waits, or returns at once when the signal aborts, since the next step fails then. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
