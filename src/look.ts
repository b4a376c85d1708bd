// How files look to stat(2), to see later whether they have changed, without reading them. Imports nothing.

/**
 * A file that has changed so shortly before a look, in milliseconds, may change again and look the same: Deno and some
 * file systems give times in whole seconds.
 */
const UNSETTLED_MS = 2_000;

/** What files looked like at one moment. */
export interface Look {
  /** Differs if a file has changed. */
  readonly text: string;
  /** Whether every later change will be visible. */
  readonly isSettled: boolean;
}

/**
 * Looks at files; of a symbolic link, at its target. An empty file looks like one that does not exist, because readers of a
 * database may leave an empty log.
 *
 * @param nowMs the current time, in milliseconds since the epoch
 */
export function lookAt(paths: readonly string[], nowMs: number = Date.now()): Look {
  let isSettled = true;
  const looks = paths.map((path) => {
    try {
      const { isFile, dev, ino, size, mtime, ctime } = Deno.statSync(path);
      if (isFile && size === 0) return [path];
      // In whole seconds. Unlike the time of modification, its owner cannot set it.
      const changedAtMs = ctime?.getTime() ?? nowMs;
      // Also if it is in the future, because the clock was set back.
      if (changedAtMs >= nowMs - UNSETTLED_MS) isSettled = false;
      return [path, dev, ino, size, mtime?.getTime(), changedAtMs];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [path];
      isSettled = false;
      return [path, "cannot be examined"];
    }
  });
  return { text: JSON.stringify(looks), isSettled };
}

/** All looks as one text. */
export function textOf(looks: readonly Look[]): string {
  return looks.map(({ text }) => text).join("\n");
}
