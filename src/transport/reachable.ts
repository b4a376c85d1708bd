// Connects to a host that has several addresses, at one that accepts connections. Only the connection is tried at several
// addresses; the request is sent over one connection, so nothing is delivered twice.

import { systemClock } from "../clock.ts";
import type { Address } from "./exchange.ts";

/** How long to wait before the next address is tried in parallel, in milliseconds (RFC 8305, section 5). */
const HEAD_START_MS = 250;

/** An address is silent if it neither accepts nor refuses a connection within this time, in milliseconds. */
const SILENT_AFTER_MS = 2_000;

/** A connection, and its address. */
export interface Connected {
  readonly connection: Deno.TcpConn;
  readonly address: Address;
}

/** Chooses addresses for hosts that have several. */
export class Reachable {
  readonly #addresses: Map<string, readonly Address[]>;
  /** Whether `fetch` may hang at an address of a host; determined before the first request. */
  readonly #needsChoice = new Map<string, Promise<boolean>>();

  constructor(addresses: ReadonlyMap<string, readonly Address[]>) {
    this.#addresses = new Map(addresses);
  }

  /**
   * Whether the address for a request must be chosen here, because an address is silent or {@link fetchFailed} was
   * called. Otherwise `fetch` connects by name, skips addresses that refuse, and reuses its connections.
   */
  async needsChoice(host: string, signal: AbortSignal): Promise<boolean> {
    const addresses = this.#addresses.get(host);
    if (addresses === undefined) return false;
    const needed = this.#needsChoice.get(host) ?? anyIsSilent(addresses, signal);
    this.#needsChoice.set(host, needed);
    return await needed;
  }

  /** Records that a request by name failed: chooses addresses from now on, and tries the first one of the host last. */
  fetchFailed(host: string): void {
    const [first] = this.#addresses.get(host) ?? [];
    if (first === undefined) return;
    this.#needsChoice.set(host, Promise.resolve(true));
    this.failed(host, first);
  }

  /**
   * Connects to the first address that accepts a connection, and tries that one first from then on.
   *
   * @throws the error of the first address, if no address accepts a connection before the signal aborts
   */
  async connect(host: string, signal: AbortSignal): Promise<Connected> {
    const connected = await firstToConnect(this.#addresses.get(host) ?? [], signal);
    this.#addresses.set(host, [connected.address, ...this.#except(host, connected.address)]);
    return connected;
  }

  /** Moves an address to the end after a failed request: it may accept connections but not respond. */
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
      // A refusal is immediate; only a timeout means that the address is silent.
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
      // If the signal aborts, this returns early, and the next step fails.
      await systemClock.sleep(index * HEAD_START_MS, stop.signal);
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
