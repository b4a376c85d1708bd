// Reads the resource limits that pam_limits would set (limits.conf(5)), and knows which of them keep the hook from
// running at the logout: it runs in sshd's process, which has set them for itself at the login. Pure.

/** A limit that is too low for the hook. */
export interface LowLimit {
  /** Whom it is for, as written: a user, `@group`, `*`. */
  readonly domain: string;
  readonly item: string;
  readonly value: string;
  /** The least that the hook can do with, in the unit of limits.conf. */
  readonly least: number;
  readonly unit: string;
}

/**
 * The least that the hook can do with, measured with prlimit(1) on the compiled program (Deno 2.7.11, x86_64): one step
 * of a power of two, or about that, above what ended it. V8 reserves address space; what it uses of it is small.
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
 * The limits of one file of pam_limits that would end the hook.
 *
 * @param text the text of `limits.conf`, or of a file of `limits.d`
 */
export function lowLimits(text: string): LowLimit[] {
  return text.split("\n").flatMap((line) => {
    const [domain = "", type = "", item = "", value = ""] = line.replace(/#.*$/, "").trim().split(/\s+/);
    const known = Object.entries(LEAST).find(([name]) => name === item.toLowerCase())?.[1];
    // `unlimited`, `infinity` and -1 are no numbers that count.
    if (known === undefined || !["soft", "hard", "-"].includes(type.toLowerCase()) || !/^\d+$/.test(value)) return [];
    return Number(value) < known.least ? [{ domain, item: item.toLowerCase(), value, ...known }] : [];
  });
}
