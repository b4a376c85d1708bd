// An address that answers no connection, as behind a firewall that drops them.

/**
 * Listens on 127.0.0.2 and never accepts. Linux drops further connections once the backlog is full.
 *
 * @param port one that is in use on 127.0.0.1, so that nothing else takes it on 127.0.0.2
 */
export async function silentAt(port: number): Promise<Disposable> {
  const address = { hostname: "127.0.0.2", port };
  const listener = Deno.listen({ ...address, tcpBacklog: 1 });
  const waiting = [await Deno.connect(address), await Deno.connect(address)];
  return {
    [Symbol.dispose]: () => {
      for (const connection of waiting) connection.close();
      listener.close();
    },
  };
}
