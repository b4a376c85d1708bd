// An address that answers no connection, like one behind a firewall that drops packets.

/**
 * Listens on 127.0.0.2 and never accepts. Linux drops further connections once the backlog is full.
 *
 * @param port a port in use on 127.0.0.1, so that no other program takes it on 127.0.0.2
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
