// Parses strace's trace of one program.

/** One finished system call, its parts in strace's format. */
export interface SystemCall {
  readonly pid: number;
  readonly name: string;
  readonly args: string;
  readonly result: string;
}

/** The strace command line that writes a trace for {@link parseTrace}; append the program. */
export function straceTo(file: string): string[] {
  return ["strace", "--follow-forks", "--string-limit=512", `--output=${file}`];
}

/** The system calls of a trace, in the order in which they ended; unfinished calls are omitted. */
export function parseTrace(text: string): SystemCall[] {
  const begun = new Map<string, string>();
  const calls: SystemCall[] = [];
  for (const line of text.split("\n")) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      begun.set(pid, unfinished[1] ?? "");
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const whole = resumed === null ? rest : `${begun.get(pid) ?? ""}${resumed[1]}`;
    const [, name, args = "", result = ""] = /^(\w+)\((.*)\) += (.*)$/.exec(whole) ?? [];
    if (name !== undefined) calls.push({ pid: Number(pid), name, args, result });
  }
  return calls;
}

/** The paths that were opened for writing or created, with the flags. */
export function openedForWriting(calls: readonly SystemCall[]): string[] {
  return calls
    .filter(({ name, args, result }) =>
      /^(open|openat|openat2|creat)$/.test(name) && /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(args) &&
      !result.startsWith("-1")
    )
    .map(({ args }) => /"([^"]*)"/.exec(args)?.[1] ?? args);
}

/** How often a file was synced to the disk. */
export function syncs(calls: readonly SystemCall[]): number {
  return calls.filter(({ name }) => /^(f(data)?sync|sync|syncfs|sync_file_range|msync)$/.test(name)).length;
}

/** The bytes written to files, devices excepted; requires strace's `-y`, which shows the path of each descriptor. */
export function bytesWritten(calls: readonly SystemCall[]): number {
  return calls
    .filter(({ name, args }) => /^p?writev?(64|2)?$/.test(name) && /^\d+<\/(?!dev\/|proc\/)/.test(args))
    .reduce((sum, { result }) => sum + Math.max(0, Number.parseInt(result)), 0);
}

/** Requests for memory that is writable and executable. */
export function writableCode(calls: readonly SystemCall[]): readonly SystemCall[] {
  return calls.filter(({ name, args }) =>
    /^(mmap|mprotect|pkey_mprotect)$/.test(name) && /PROT_WRITE\|PROT_EXEC|PROT_EXEC\|PROT_WRITE/.test(args)
  );
}
