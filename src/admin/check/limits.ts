// Finds resource limits of pam_limits (limits.conf(5)) that are too low for the hook at the logout, when it runs in the
// sshd process that applied the limits to itself at the login. Pure.

/** A limit that is too low for the hook. */
export interface LowLimit {
  /** The users to whom it applies, as written: a user, `@group`, `*`. */
  readonly domain: string;
  readonly item: string;
  readonly value: string;
  /** The lowest value with which the hook works, in the unit of limits.conf. */
  readonly least: number;
  readonly unit: string;
}

/**
 * The lowest values with which the hook works, measured with prlimit(1) on the compiled program (Deno 2.7.11, x86_64):
 * about twice the highest value that killed it. `as` is high because V8 reserves far more address space than it uses.
 */
const LEAST: Readonly<Record<string, { readonly least: number; readonly unit: string }>> = {
  as: { least: 64 * 1024 * 1024, unit: "KB" },
  data: { least: 32 * 1024, unit: "KB" },
  stack: { least: 128, unit: "KB" },
  fsize: { least: 1024, unit: "KB" },
  nofile: { least: 16, unit: "files" },
  cpu: { least: 1, unit: "minutes" },
};

/**
 * Finds the limits in one file that would kill the hook.
 *
 * @param text the text of `limits.conf`, or of a file in `limits.d`
 */
export function lowLimits(text: string): LowLimit[] {
  return text.split("\n").flatMap((line) => {
    const [domain = "", type = "", item = "", value = ""] = line.replace(/#.*$/, "").trim().split(/\s+/);
    const known = Object.entries(LEAST).find(([name]) => name === item.toLowerCase())?.[1];
    // Skips `unlimited`, `infinity` and -1, which set no limit.
    if (known === undefined || !["soft", "hard", "-"].includes(type.toLowerCase()) || !/^\d+$/.test(value)) return [];
    return Number(value) < known.least ? [{ domain, item: item.toLowerCase(), value, ...known }] : [];
  });
}
