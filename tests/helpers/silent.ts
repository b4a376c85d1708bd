// An address that answers no connection, as behind a firewall that drops them.

/**
 * Listens on 127.0.0.2 and never accepts. Once its backlog is full, the kernel drops what else comes.
 *
 * @param port one that is in use on 127.0.0.1, so that nothing else takes it on 127.0.0.2
 */
export async function silentAt(port: number): Promise<Disposable> {
  const listener = Deno.listen({ hostname: "127.0.0.2", port, tcpBacklog: 1 });
  const waiting: Deno.Conn[] = [];
  for (;;) {
    const stop = new AbortController();
    // Longer than a busy host needs to answer a connection on loopback.
    const timer = setTimeout(() => stop.abort(), 3_000);
    try {
      waiting.push(await Deno.connect({ hostname: "127.0.0.2", port, signal: stop.signal }));
    } catch {
      break;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    [Symbol.dispose]: () => {
      for (const connection of waiting) connection.close();
      listener.close();
    },
  };
}
